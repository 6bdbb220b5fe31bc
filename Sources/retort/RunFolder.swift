// What a run leaves behind.
import Foundation
import Storage
import Training

/// A folder with recipe, metrics, checkpoints, models, verdict and report.
struct RunFolder {
  let url: URL

  private static let known = [
    "recipe.yaml", "metrics.jsonl", "verdict.json", "report.html", "checkpoints", "teacher",
    "student", "control", "model",
  ]

  var recipe: URL { url.appending(path: "recipe.yaml") }

  /// Whether something was trained here; a recipe alone is no run yet.
  var holdsRun: Bool {
    !records().isEmpty || ["teacher", "student", "control", "model"].contains(where: isFinished)
  }

  /// Makes the folder and writes the recipe, after deleting the run that is here.
  func begin(_ recipe: some Recipe) throws {
    for name in Self.known {
      try? FileManager.default.removeItem(at: url.appending(path: name))
    }
    do {
      try FileManager.default.createDirectory(at: checkpoints, withIntermediateDirectories: true)
    } catch { throw StorageError("Cannot make the run folder \(url.relativePath).") }
    try WholeFile.write(try recipe.yaml(), to: self.recipe)
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
