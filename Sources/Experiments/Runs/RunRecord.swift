// A run's folder as it is read: by the report, and by comparisons.
import Foundation
import Storage

/// What the files of a run say, whether or not it has ended.
package struct RunRecord {
  /// The folder's name.
  package let name: String
  /// nil where the run began with an earlier version, or its file cannot be read.
  package let about: RunAbout?
  /// The recipe as it ran, with every key; nil where it cannot be read.
  package let recipe: RecipeFile?
  package let records: [MetricsRecord]
  /// By arm, of those that are trained.
  let costs: [String: RunFolder.Cost]
  /// nil before the end.
  package let outcome: Outcome?

  package init(of folder: URL) {
    func json(_ name: String) -> JSON? { try? JSON(contentsOf: folder.appending(path: name)) }
    name = folder.lastPathComponent
    about = json(RunAbout.fileName).flatMap(RunAbout.init)
    recipe = RecipeFile(folder.appending(path: "recipe.yaml").path)
    records = Self.records(in: folder)
    costs = Self.costs(in: folder)
    outcome =
      [RunFolder.verdict, RunFolder.evaluation].lazy.compactMap(json)
      .compactMap(Outcome.init).first
  }

  /// The lines of a run's `metrics.jsonl` that can be read.
  package static func records(in folder: URL) -> [MetricsRecord] {
    JSONLines.lines(of: folder.appending(path: "metrics.jsonl")).sound
      .compactMap { MetricsRecord($0) }
  }

  /// What `RunFolder.finish` noted of the arms of a run.
  static func costs(in folder: URL) -> [String: RunFolder.Cost] {
    JSONLines.lines(of: folder.appending(path: "arms.jsonl")).sound.reduce(into: [:]) {
      costs, line in
      guard let own = try? JSON(parsing: Data(line.utf8)), let arm = own["arm"]?.string,
        let flops = own["flops"]?.double, let seconds = own["seconds"]?.double
      else { return }
      costs[arm] = RunFolder.Cost(
        stepCount: own["steps"]?.int, flops: flops, seconds: seconds,
        preparingSeconds: own["preparing_seconds"]?.double ?? 0)
    }
  }

  /// The names of arms that logged something, in their order.
  package var arms: [String] {
    var seen: Set<String> = []
    return records.map(\.arm).filter { seen.insert($0).inserted }
  }

  /// Seconds since the beginning for each record of an arm: each process counts its own anew.
  static func elapsed(_ records: [MetricsRecord]) -> [Double] {
    var (before, last) = (0.0, 0.0)
    return records.map { record in
      let own = record["seconds"] ?? last
      if own < last { before += last }
      last = own
      return before + own
    }
  }
}
