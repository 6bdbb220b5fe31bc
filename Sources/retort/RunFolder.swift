// What a run leaves behind.
import ArgumentParser
import Foundation
import Storage
import Training

/// `--run`, `--resume` and `--overwrite`.
struct RunOptions: ParsableArguments {
  @Option(help: "The folder that the run writes to.")
  var run = "runs/latest"

  @Flag(help: "Go on with the run in the folder, with the recipe it holds.")
  var resume = false

  @Flag(help: "Delete the run in the folder and start anew.")
  var overwrite = false

  func validate() throws {
    if resume, overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
  }
}

/// A folder with recipe, metrics, checkpoints, models, verdict and report.
struct RunFolder {
  let url: URL

  private static let known = [
    "recipe.yaml", "metrics.jsonl", "verdict.json", "report.html", "checkpoints", "teacher",
    "student", "control", "model",
  ]

  /// Opens the folder for a run; one that holds a run already is only taken when told how.
  /// `recipe` is what the run would start with; what is returned is what it runs with.
  static func open<R: Recipe>(_ options: RunOptions, recipe: () throws -> R) throws
    -> (RunFolder, R)
  {
    let folder = RunFolder(url: URL(fileURLWithPath: options.run))
    let recipeFile = folder.url.appending(path: "recipe.yaml")
    let holdsRun = FileManager.default.fileExists(atPath: recipeFile.path)
    if options.resume {
      guard holdsRun else {
        throw StorageError("\(options.run) holds no run to resume: it has no recipe.yaml.")
      }
      return (folder, try R.load(file: recipeFile.path, settings: []))
    }
    if holdsRun, !options.overwrite {
      throw StorageError(
        "\(options.run) holds a run already. Use --resume to go on with it, --overwrite to delete "
          + "it, or --run with another folder.")
    }
    let made = try recipe()
    if options.overwrite {
      for name in known {
        try? FileManager.default.removeItem(at: folder.url.appending(path: name))
      }
    }
    do {
      try FileManager.default.createDirectory(
        at: folder.checkpoints, withIntermediateDirectories: true)
    } catch { throw StorageError("Cannot make the run folder \(options.run).") }
    try WholeFile.write(try made.yaml(), to: recipeFile)
    return (folder, made)
  }

  var checkpoints: URL { url.appending(path: "checkpoints") }
  var metrics: URL { url.appending(path: "metrics.jsonl") }

  func checkpoint(_ arm: String) -> URL { checkpoints.appending(path: "\(arm).safetensors") }
  func model(_ arm: String) -> URL { url.appending(path: arm) }

  /// Whether an arm's finished model is here.
  func isFinished(_ arm: String) -> Bool {
    FileManager.default.fileExists(atPath: model(arm).appending(path: "config.json").path)
  }

  /// The metrics file, without the lines of `arm` beyond the step it resumes from.
  func openMetrics(arm: String, resumingFrom step: Int) throws -> JSONLines {
    try JSONLines(appendingTo: metrics) { line in
      guard let record = MetricsRecord(line), record.arm == arm else { return true }
      return record.step <= step
    }
  }

  func records() -> [MetricsRecord] {
    let text = (try? String(contentsOf: metrics, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { MetricsRecord(String($0)) }
  }
}

/// A line of `metrics.jsonl`, as far as the report reads it.
struct MetricsRecord: Decodable {
  let arm: String
  let step: Int
  let loss: Double?
  let ce: Double?
  let kl: Double?

  init?(_ line: String) {
    guard let own = try? JSONDecoder().decode(Self.self, from: Data(line.utf8)) else { return nil }
    self = own
  }

  /// The fields of a line.
  static func fields(_ arm: String, _ m: StepMetrics) -> [(key: String, value: any JSONValue)] {
    [
      ("arm", arm), ("step", m.step), ("loss", m.means["loss"]), ("ce", m.means["ce"]),
      ("kl", m.means["kl"]), ("learning_rate", m.learningRate), ("gradient_norm", m.gradientNorm),
      ("tokens", m.tokenCount), ("tokens_per_second", m.tokensPerSecond), ("seconds", m.seconds),
    ]
  }
}
