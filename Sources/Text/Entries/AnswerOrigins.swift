// Which models the answers among some data come from, and under which terms.
import Base
import Storage

/// Hosted models whose collected answers are learnt, as their records say.
struct AnswerOrigins: Sendable {
  private struct Origin: Hashable {
    let model: String
    let address: String
    let terms: String
  }

  private var counts: [Origin: Int] = [:]

  init(_ entries: [DataEntry]) {
    for entry in entries {
      guard let model = entry.record["provider"]?["model"]?.string else { continue }
      let address = entry.record["provider"]?["url"]?.string ?? "an endpoint that is not named"
      counts[
        Origin(model: model, address: address, terms: Self.terms(entry.record["terms"])), default: 0
      ] += 1
    }
  }

  private static func terms(_ terms: JSON?) -> String {
    guard let id = terms?["id"]?.string, let verdict = terms?["verdict"]?.string else {
      return "under terms that the records do not name"
    }
    let accepted = terms?["because"]?.string.map { reason in
      ", accepted" + (terms?["accepted_by"]?.string.map { " by \($0)" } ?? "") + ": \(reason)"
    }
    return "under the terms \(id) (\(verdict)\(accepted ?? ""))"
  }

  /// A phrase for each, those with the most answers first.
  var phrases: [String] {
    counts.sorted {
      ($1.value, $0.key.model, $0.key.terms) < ($0.value, $1.key.model, $1.key.terms)
    }.map { origin, count in
      "\(counted(count, "answer")) of \(origin.model) at \(origin.address), \(origin.terms)"
    }
  }
}
