// Several runs side by side.
import Foundation

/// What runs found, and what differs in their recipes.
struct Comparison {
  struct Run {
    /// As the person named it.
    let name: String
    let record: RunRecord
    let outcome: Outcome
  }

  let runs: [Run]

  /// The model that a run is about: its student, or the one model that it trained.
  private func subject(_ run: Run) -> ArmResult? {
    run.outcome.arms.first { $0.arm == "student" } ?? run.outcome.arms.first
  }

  /// A row for each run: its model's numbers, and how far it is ahead of its controls.
  var results: [[String]] {
    var columns: [Metric] = []
    for metric in runs.flatMap({ subject($0)?.metrics ?? [] })
    where metric.title != nil && !columns.contains(where: { $0.key == metric.key }) {
      columns.append(metric)
    }
    let questions = Question.allCases.filter { question in
      runs.contains { $0.outcome.answers?.verdict(question) != nil }
    }
    let header =
      ["", "model"] + columns.compactMap(\.title)
      + questions.map { "ahead at equal \($0.rawValue)" }
    return [header]
      + runs.map { run in
        let arm = subject(run)
        return [run.name, arm?.arm ?? "-"]
          + columns.map { column in
            arm?.metrics.first { $0.key == column.key }?.text ?? "-"
          }
          + questions.map { question in
            guard let verdict = run.outcome.answers?.verdict(question) else { return "-" }
            return
              "\(fixed(verdict.difference, 4)) ± \(fixed(verdict.halfWidth, 4)), \(verdict.word)"
          }
      }
  }

  /// A row for each key of the recipes that differs; nil where the recipes are alike.
  var differences: [[String]]? {
    var keys: [String] = []
    var defaults: [String: String] = [:]
    for change in runs.flatMap(\.record.changes) where defaults[change.key] == nil {
      keys.append(change.key)
      defaults[change.key] = change.other
    }
    let rows = keys.map { key in
      [key]
        + runs.map { run in
          run.record.changes.first { $0.key == key }?.value ?? defaults[key] ?? ""
        }
    }.filter { Set($0.dropFirst()).count > 1 }
    return rows.isEmpty ? nil : [[""] + runs.map(\.name)] + rows
  }

  /// What makes numbers hard to compare.
  var cautions: [String] {
    func differ(_ value: (RunRecord) -> String?) -> Bool {
      Set(runs.compactMap { value($0.record) }).count > 1
    }
    return [
      differ { $0.about?.dataFingerprint }
        ? "The runs read other data, or other shares of it: their numbers are of other held-out text."
        : nil,
      differ { $0.about?.device }
        ? "The runs were made on other devices: their speeds cannot be compared." : nil,
      differ { $0.about?.version } ? "The runs were made with other versions of Retort." : nil,
    ].compactMap { $0 }
  }

  var html: String {
    let notes = cautions.map { element("p", class: "note", escaped($0)) }.joined()
    let cards = runs.map { run in
      element(
        "section", class: "card",
        element("b", escaped(run.name))
          + element(
            "div", class: "grid-of", (run.outcome.answers?.figures ?? "") + run.outcome.qualityLine)
      )
    }
    return page(
      title: "\(runs.count) runs",
      htmlTable(results) + notes
        + (differences.map { "<h2>What differs in their recipes</h2>" + htmlTable($0) } ?? "")
        + "<h2>Verdicts</h2>" + cards.joined(separator: "\n"))
  }
}
