// Which models the answers among some data come from, and under which terms.
import Base
import Experiments
import Storage

/// Hosted models whose collected answers are learnt, as their records say.
struct AnswerOrigins: Sendable {
  private struct Origin: Hashable {
    let model: String
    let address: String?
    /// Of what the terms were, without the moment when each record was made.
    let terms: JSON?
  }

  private var counts: [Origin: Int] = [:]

  private let entryCount: Int

  init(_ entries: [DataEntry]) {
    entryCount = entries.count
    for entry in entries {
      guard let model = entry.record["provider"]?["model"]?.string else { continue }
      let origin = Origin(
        model: model, address: entry.record["provider"]?["url"]?.string,
        terms: entry.record["terms"])
      counts[origin, default: 0] += 1
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

  private var sorted: [(key: Origin, value: Int)] {
    func order(_ origin: Origin) -> String {
      [origin.model, origin.address ?? "", origin.terms?.line ?? ""].joined(separator: "\n")
    }
    return counts.sorted {
      $0.value == $1.value ? order($0.key) < order($1.key) : $0.value > $1.value
    }
  }

  /// A phrase for each, those with the most answers first.
  var phrases: [String] {
    sorted.map { origin, count in
      "\(counted(count, "answer")) of \(origin.model) at \(origin.address ?? "an endpoint that is not named"), "
        + Self.terms(origin.terms)
    }
  }

  /// The same for the lineage of a model.
  var sources: [LineageSource] {
    sorted.map { origin, count in
      LineageSource(
        answersOf: origin.model, at: origin.address, terms: origin.terms, count: count,
        share: Double(count) / Double(entryCount))
    }
  }
}
