// Several runs side by side.
import Base
import Foundation

/// What runs found, and what differs in their recipes.
package struct Comparison {
  package struct Run {
    /// As the person named it.
    package let name: String
    package let record: RunRecord
    package let outcome: Outcome

    package init(name: String, record: RunRecord, outcome: Outcome) {
      (self.name, self.record, self.outcome) = (name, record, outcome)
    }
  }

  private let runs: [Run]

  package init(runs: [Run]) { self.runs = runs }

  /// The model that a run is about: its student, or the one model that it trained.
  private func subject(_ run: Run) -> ArmResult? {
    run.outcome.arms.first { $0.arm == "student" } ?? run.outcome.arms.first
  }

  /// A row for each run: its model's numbers, and how far it is ahead of its controls.
  package var results: [[String]] {
    var columns: [Metric] = []
    for metric in runs.flatMap({ subject($0)?.metrics ?? [] })
    where metric.title != nil && !columns.contains(where: { $0.key == metric.key }) {
      columns.append(metric)
    }
    let questions = Question.allCases.filter { question in
      runs.contains { $0.outcome.answers?.verdict(question) != nil }
    }
    let header =
      ["", "model"] + questions.map { "ahead at equal \($0.rawValue)" }
      + columns.compactMap(\.title)
    return [header]
      + runs.map { run in
        let arm = subject(run)
        let ahead = questions.map { question -> String in
          guard let verdict = run.outcome.answers?.verdict(question) else { return "-" }
          return "\(fixed(verdict.difference, 4)) ± \(fixed(verdict.halfWidth, 4)), \(verdict.word)"
        }
        return [run.name, arm?.arm ?? "-"] + ahead
          + columns.map { column in
            arm?.metrics.first { $0.key == column.key }?.text ?? "-"
          }
      }
  }

  /// A row for each key of the recipes that differs; nil where the recipes are alike.
  package var differences: [[String]]? {
    var seen: Set<String> = []
    let keys = runs.flatMap { $0.record.recipe?.lines.map(\.key) ?? [] }
      .filter { seen.insert($0).inserted }
    // Of kinds of runs that do not have a key, and of recipes that cannot be read, nothing is said.
    let rows = keys.map { key in
      [key] + runs.map { run in run.record.recipe?[key] ?? "-" }
    }.filter { Set($0.dropFirst()).subtracting(["-"]).count > 1 }
    return rows.isEmpty ? nil : [[""] + runs.map(\.name)] + rows
  }

  /// What makes numbers hard to compare.
  package var cautions: [String] {
    func differ(_ value: (RunAbout) -> String) -> Bool {
      Set(runs.compactMap(\.record.about).map(value)).count > 1
    }
    func list(_ doubtful: (RunRecord) -> Bool) -> String? {
      let names = runs.filter { doubtful($0.record) }.map(\.name)
      return names.isEmpty ? nil : names.joined(separator: ", ")
    }
    return [
      differ(\.dataFingerprint)
        ? "The runs read other data, or other shares of it: their numbers are of other held-out data."
        : nil,
      differ(\.device)
        ? "The runs were made on other devices: their speeds cannot be compared." : nil,
      differ(\.version) ? "The runs were made with other versions of Retort." : nil,
      list { $0.about == nil }.map {
        "Nothing says with which data and device these were made (\(RunAbout.fileName) is missing or damaged): \($0)."
      },
      list { $0.recipe == nil }.map {
        "The recipes of these cannot be read, so nothing is said of what differs in them: \($0)."
      },
    ].compactMap { $0 }
  }

  package var html: String {
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
      title: "\(runs.count) runs", by: "compare",
      htmlTable(results) + notes
        + (differences.map { "<h2>What differs in their recipes</h2>" + htmlTable($0) } ?? "")
        + "<h2>Verdicts</h2>" + cards.joined(separator: "\n"))
  }
}
