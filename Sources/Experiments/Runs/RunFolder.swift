// What a run leaves behind.
import Base
import Foundation
import Storage

/// A folder with recipe, metrics, checkpoints, models, verdict and report: what a run leaves behind.
public final class RunFolder {
  /// The place, without links.
  public let url: URL
  /// As the person wrote it.
  public let name: String
  private var ledger: RunLedger?

  /// The folder at a path; nothing is read or written yet.
  public init(_ path: String) {
    name = path
    url = URL(fileURLWithPath: path).resolved
  }

  package static let verdict = "verdict.json"
  package static let evaluation = "evaluation.json"

  private static let beginnings: Set = ["recipe.yaml", "origins.json", RunAbout.fileName]
  private static let files: Set = [
    "metrics.jsonl", "arms.jsonl", verdict, evaluation, "report.html", "checkpoints",
    "tensorboard", "teacher", "model",
  ]

  /// Whether a run writes something of this name at the top of its folder.
  private static func isOwn(_ name: String) -> Bool {
    beginnings.contains(name) || files.contains(name)
      || Trial.isArm(name) || RunProfiles.isFile(name)
  }

  // MARK: Beginning

  /// Whether a run that can go on has taken the folder.
  package var holdsRun: Bool {
    RunLedger.isIn(url) && FileManager.default.fileExists(atPath: recipe.path)
      && FileManager.default.fileExists(
        atPath: url.appending(path: RunOrigins.fileName).path)
  }

  /// Lets others take the folder.
  package func release() { ledger = nil }

  /// Takes a folder with a run that is to go on.
  package func resume() throws {
    guard RunLedger.isIn(url), FileManager.default.fileExists(atPath: recipe.path) else {
      throw UserError(
        "\(name) holds no run to resume: it has no \(RunLedger.name) and recipe.yaml.")
    }
    ledger = try RunLedger(in: url, makes: false)
    WholeFolder.sweep(url)
  }

  /// Throws unless a new run may begin here. Only what an earlier run wrote is ever deleted, and only with
  /// `overwrite`; `sources` are files and folders that the new run reads. Nothing is changed yet.
  package func requireFree(overwrite: Bool, sources: [String]) throws {
    guard RunLedger.isIn(url) else {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder),
        !isFolder.boolValue
      {
        throw UserError("\(name) is a file, not a folder.", remedy: .nameAnotherRun)
      }
      guard !url.isLink else {
        throw UserError("\(name) is a link that leads to nothing.", remedy: .nameAnotherRun)
      }
      let others = try FileManager.default.fileExists(atPath: url.path) ? contents() : []
      guard others.isEmpty else {
        throw UserError(
          "\(name) holds files that no run wrote (\(list(others))), and a run never mixes with others' "
            + "files. (A run of an earlier version is deleted by hand.)", remedy: .nameAnotherRun)
      }
      return
    }
    let ledger = try RunLedger(in: url, makes: false)
    let isBegunOnly = ledger.paths.isSubset(of: Self.beginnings)
    guard overwrite || isBegunOnly else {
      throw UserError(
        "\(name) holds a run already.", remedy: .goOnOrReplaceRun)
    }
    let foreign = try contents().filter { path in
      Self.isOwn(String(path.prefix { $0 != "/" })) && !ledger.paths.contains(path)
    }
    guard foreign.isEmpty else {
      throw UserError(
        "\(name) holds files where the run would write that no run wrote: \(list(foreign)). Move them away.",
        remedy: .nameAnotherRun)
    }
    for source in sources where URL(fileURLWithPath: source).lies(in: url) {
      throw UserError(
        "\(source) lies in the run folder \(name), whose run would be deleted. Move it.",
        remedy: .nameAnotherRun)
    }
    self.ledger = ledger
  }

  /// The files here, but for the ledger and what dead writers left.
  private func contents() throws -> [String] {
    try WholeFolder.files(in: url).filter { $0 != RunLedger.name && !$0.contains(".retort-part-") }
  }

  /// Begins a run, after deleting the one that is here.
  package func begin(_ recipe: some Recipe, origins: RunOrigins, about: RunAbout) throws {
    if ledger == nil {
      do {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      } catch { throw UserError("Cannot make the run folder \(name)", of: error) }
      let new = try RunLedger(in: url, makes: true)
      // Another process may have begun a run, and even ended it, while its lock was waited for.
      guard new.isEmpty else {
        throw UserError("Another process has just begun a run in \(name).")
      }
      ledger = new
    }
    try claimed().clear(for: type(of: recipe).command)
    try write(try recipe.yaml(), to: "recipe.yaml")
    try write(origins.text, to: RunOrigins.fileName)
    try write(about.json.json + "\n", to: RunAbout.fileName)
  }

  private func claimed() throws -> RunLedger {
    guard let ledger else { throw UserError("\(name) was not opened for a run.") }
    return ledger
  }

  // MARK: Writing

  /// The place of a file that the run is about to write.
  package func claim(_ path: String) throws -> URL {
    let place = try claimed().claim(path)
    do {
      try FileManager.default.createDirectory(
        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
    } catch { throw UserError("Cannot make the folder of \(place.path).") }
    return place
  }

  package func write(_ text: String, to path: String) throws {
    try WholeFile.write(text, to: claim(path))
  }

  /// Notes the files of an arm's model, which is about to appear, and deletes that of a shorter training.
  func replaceModel(_ arm: String, by files: [String]) throws {
    let ledger = try claimed()
    if hasModel(arm) {
      try requireOwn(arm, ledger)
      try ledger.delete(ledger.paths.filter { $0.hasPrefix("\(arm)/") })
    }
    try ledger.claim(files.map { "\(arm)/\($0)" })
  }

  package var recipe: URL { url.appending(path: "recipe.yaml") }

  package func checkpoint(_ arm: String) -> String { "checkpoints/\(arm).safetensors" }
  /// The best weights of an arm so far.
  package func best(_ arm: String) -> String { "checkpoints/\(arm).best.safetensors" }
  package func model(_ arm: String) -> URL { url.appending(path: arm) }

  /// Whether an arm's finished model is here, after as many steps as it is to have.
  package func isFinished(_ arm: String, stepCount: Int) -> Bool {
    guard hasModel(arm), let cost = cost(of: arm) else { return false }
    // Earlier versions did not note the steps, which were those of the recipe.
    return cost.stepCount.map { $0 >= stepCount } ?? (about?.laterCommands.isEmpty ?? true)
  }

  /// The steps that a clock counts for an arm: all of them, but for those that an arm has which is to become longer.
  func stepsLeft(of arm: String, stepCount: Int) -> Int {
    let done = cost(of: arm)?.stepCount ?? 0
    return done < stepCount ? stepCount - done : stepCount
  }

  private func hasModel(_ arm: String) -> Bool {
    ["config.json", AdapterConfiguration.fileName].contains { name in
      FileManager.default.fileExists(atPath: model(arm).appending(path: name).path)
    }
  }

  /// Throws where an arm's model is to be replaced by one of more steps, and what it goes on from is gone, or others' files lie beside it.
  func requireReplaceable(_ arm: String, stepCount: Int) throws {
    guard hasModel(arm), !isFinished(arm, stepCount: stepCount) else { return }
    let file = url.appending(path: checkpoint(arm))
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw UserError(
        "\(file.path), from which the longer training goes on, is not here any more. Put it back.",
        remedy: .startAnew)
    }
    try requireOwn(arm, try claimed())
  }

  private func requireOwn(_ arm: String, _ ledger: RunLedger) throws {
    let foreign = try WholeFolder.files(in: model(arm)).map { "\(arm)/\($0)" }
      .filter { !ledger.paths.contains($0) }
    guard foreign.isEmpty else {
      throw UserError(
        "\(name) has a model of fewer steps, which is to be replaced, and beside it files that no run wrote: "
          + "\(list(foreign)). Move them away.")
    }
  }

  /// Event files for TensorBoard, of one arm and this process.
  func tensorBoard(_ arm: String) throws -> TensorBoardFile {
    try TensorBoardFile(try claim("tensorboard/\(arm)/\(TensorBoardFile.newName)"))
  }

  /// Writes `report.html` from what the folder holds.
  func writeReport() throws { try write(Report(RunRecord(of: url)).html, to: "report.html") }

  /// Says in the cards of models that the run made, those of all seeds, what was found of them.
  func describe(_ arms: [String], by outcome: Outcome) throws {
    for card in try claimed().paths.sorted() where card.hasSuffix("/README.md") {
      let arm = Trial.kind(ofArm: String(card.dropLast("/README.md".count)))
      let file = url.appending(path: card)
      guard arms.contains(arm), let text = try? String(contentsOfText: file) else { continue }
      try write(ModelCard.adding(outcome, about: about, to: text), to: card)
      guard var lineage = Lineage(in: file.deletingLastPathComponent()) else { continue }
      lineage.findings = outcome.sentences
      for record in lineage.records {
        try write(record.text, to: card.replacing("README.md", with: record.name))
      }
    }
  }

  /// The metrics file, without the lines of `arm` beyond the step it resumes from.
  func openMetrics(arm: String, resumingFrom step: Int) throws -> (
    file: JSONLines, damagedLineCount: Int
  ) {
    let file = try claim("metrics.jsonl")
    let damaged = JSONLines.lines(of: file).damagedCount
    let kept = try JSONLines(appendingTo: file) { line in
      guard let record = MetricsRecord(line), record.arm == arm else { return true }
      return record.step <= step
    }
    return (kept, damaged)
  }

  /// What an arm's training took.
  package struct Cost {
    /// The steps of its schedule; nil where an earlier version wrote the note.
    let stepCount: Int?
    /// Floating-point operations.
    let flops: Double
    /// Over all processes that had a part in it.
    let seconds: Double
    /// Of them those before the first step of the last process, in which kernels are compiled.
    let preparingSeconds: Double
  }

  /// Notes what an arm's training took.
  package func finish(_ arm: String, stepCount: Int, flops: Double, preparingSeconds: Double)
    throws
  {
    let seconds = RunRecord.elapsed(RunRecord.records(in: url).filter { $0.arm == arm }).last ?? 0
    let arms = try JSONLines(appendingTo: try claim("arms.jsonl")) { line in
      (try? JSON(parsing: Data(line.utf8)))?["arm"]?.string != arm
    }
    try arms.append([
      ("arm", arm), ("steps", stepCount), ("flops", flops), ("seconds", seconds),
      ("preparing_seconds", preparingSeconds),
    ])
  }

  // MARK: Reading

  /// What `finish` noted of an arm.
  package func cost(of arm: String) -> Cost? { RunRecord.costs(in: url)[arm] }

  /// How the run began.
  package var about: RunAbout? {
    (try? JSON(contentsOf: url.appending(path: RunAbout.fileName))).flatMap(RunAbout.init)
  }
}
