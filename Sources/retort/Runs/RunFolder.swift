// What a run leaves behind.
import Foundation
import Storage
import Training

/// A folder with recipe, metrics, checkpoints, models, verdict and report.
struct RunFolder {
  let url: URL

  private static let files = [
    "recipe.yaml", "metrics.jsonl", "arms.jsonl", "forced.json", "verdict.json", "report.html",
    "checkpoints", "tensorboard",
  ]
  private static let models = ["teacher", "student", "control", "model"]

  /// The folders of models here, those of further seeds among them.
  private var modelNames: [String] {
    let found = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    return found.filter { name in
      Self.models.contains { name == $0 || name.wholeMatch(of: /(student|control)-\d+/) != nil }
    }
  }

  var recipe: URL { url.appending(path: "recipe.yaml") }

  /// Whether something was trained here; a recipe alone is no run yet.
  var holdsRun: Bool {
    !records().isEmpty || modelNames.contains(where: isFinished)
  }

  /// Makes the folder and writes the recipe, after deleting the run that is here.
  func begin(_ recipe: some Recipe) throws {
    for name in Self.files + modelNames {
      try? FileManager.default.removeItem(at: url.appending(path: name))
    }
    do {
      try FileManager.default.createDirectory(at: checkpoints, withIntermediateDirectories: true)
    } catch { throw StorageError("Cannot make the run folder \(url.relativePath).") }
    try WholeFile.write(try recipe.yaml(), to: self.recipe)
  }

  var checkpoints: URL { url.appending(path: "checkpoints") }
  var metrics: URL { url.appending(path: "metrics.jsonl") }

  /// Where an arm's event files for TensorBoard are.
  func tensorBoard(_ arm: String) -> URL { url.appending(path: "tensorboard/\(arm)") }

  /// Writes `report.html` from what the folder holds, and what is given.
  func writeReport(
    title: String, table: [[String]] = [], sentence: String, device: String,
    continuations: [(arm: String, text: String)] = []
  ) throws {
    let recipe = (try? String(contentsOf: self.recipe, encoding: .utf8)) ?? ""
    let report = Report(
      title: title, records: records(), table: table, sentence: sentence, recipe: recipe,
      device: device, continuations: continuations)
    try WholeFile.write(report.html, to: url.appending(path: "report.html"))
  }

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

  /// Keeps the reasons against a run that was begun all the same.
  func noteForced(_ reasons: [String]) throws {
    try WholeFile.write(
      JSON.array(reasons.map { .string($0) }).text, to: url.appending(path: "forced.json"))
  }

  /// The reasons against the run, if it was forced.
  var forced: [String] {
    let json = try? JSON(contentsOf: url.appending(path: "forced.json"))
    return json?.array?.compactMap(\.string) ?? []
  }

  /// Notes what an arm's training took: floating-point operations, and seconds over all processes that had a
  /// part in it.
  func finish(_ arm: String, flops: Double) throws {
    var (seconds, last) = (0.0, 0.0)
    for record in records() where record.arm == arm {
      let own = record.seconds ?? 0
      if own < last { seconds += last }
      last = own
    }
    let arms = try JSONLines(appendingTo: url.appending(path: "arms.jsonl")) { line in
      (try? JSON(parsing: Data(line.utf8)))?["arm"]?.string != arm
    }
    try arms.append([("arm", arm), ("flops", flops), ("seconds", seconds + last)])
  }

  /// What `finish` noted of an arm.
  func cost(of arm: String) -> (flops: Double, seconds: Double)? {
    let file = try? JSONLinesFile(contentsOf: url.appending(path: "arms.jsonl"))
    let found = file?.objects.last { $0.object["arm"]?.string == arm }?.object
    guard let flops = found?["flops"]?.double, let seconds = found?["seconds"]?.double else {
      return nil
    }
    return (flops, seconds)
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
  let cosine: Double?
  let seconds: Double?

  init?(_ line: String) {
    guard let own = try? JSONDecoder().decode(Self.self, from: Data(line.utf8)) else { return nil }
    self = own
  }

  /// The numbers that TensorBoard shows.
  static func scalars(_ m: StepMetrics) -> [(name: String, value: Double)] {
    m.means.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } + [
      ("learning_rate", m.learningRate), ("gradient_norm", m.gradientNorm),
      ("tokens_per_second", m.tokensPerSecond),
    ]
  }

  /// The fields of a line.
  static func fields(_ arm: String, _ m: StepMetrics) -> [(key: String, value: any JSONValue)] {
    [
      ("arm", arm), ("step", m.step), ("loss", m.means["loss"]), ("ce", m.means["ce"]),
      ("kl", m.means["kl"]), ("divergence", m.means["divergence"]), ("hidden", m.means["hidden"]),
      ("relations", m.means["relations"]),
      ("cosine", m.means["cosine"]),
      ("floored", m.means["floored"]), ("learning_rate", m.learningRate),
      ("gradient_norm", m.gradientNorm),
      ("tokens", m.tokenCount), ("tokens_per_second", m.tokensPerSecond), ("seconds", m.seconds),
    ]
  }
}
