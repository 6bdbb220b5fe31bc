// Whether outputs are collected, and who decided that.
import Base
import Foundation
import Storage

/// What holds for the outputs of a model at a host, and what a person has accepted.
package struct TermsDecision: Sendable {
  package let rules: [TermsRule]
  /// Whoever accepted terms that need it, when and why; nil where none needs it.
  let acceptance: (by: String, at: String, because: String)?

  /// The strictest of the rules' verdicts.
  package var verdict: TermsRule.Verdict { rules.map(\.verdict).max() ?? .unknown }
  package var duties: [Duty] { rules.flatMap(\.duties) }

  /// Throws where a rule needs to be accepted and `accepted` does not name it, or no reason is given.
  package init(
    host: String, model: String, accepted: [String], because: String?, by person: String,
    on day: Date
  ) throws {
    let known = TermsRule.rules(host: host, model: model)
    // Weights may be free where the host that runs them has terms of its own.
    let hasHost = known.contains { $0.covers(host: host) } || isThisMachine(host)
    let rules =
      known.isEmpty
      ? [.unknown("\(model) at \(host)")]
      : hasHost ? known : known + [.unknown("the host \(host) itself")]
    try self.init(
      rules, of: "\(model) at \(host)", accepted: accepted, because: because, by: person, on: day,
      refusing: "Nothing was sent.")
  }

  /// What holds for weights under some rules; nil where there are none: most such folders are one's own.
  package init?(
    _ rules: [TermsRule], of model: String, accepted: [String], because: String?,
    by person: String, on day: Date
  ) throws {
    guard !rules.isEmpty else { return nil }
    try self.init(
      rules, of: model, accepted: accepted, because: because, by: person, on: day, refusing: nil)
  }

  private init(
    _ rules: [TermsRule], of subject: String, accepted: [String], because: String?,
    by person: String, on day: Date, refusing consequence: String?
  ) throws {
    self.rules = rules
    let strict = rules.filter(\.verdict.needsAcceptance)
    if let wrong = accepted.first(where: { id in !rules.contains { $0.id == id } }) {
      throw UserError(
        "There are no terms '\(wrong)' for \(subject), but \(rules.map(\.id).joined(separator: ", "))."
      )
    }
    guard !strict.isEmpty else {
      acceptance = nil
      return
    }
    let missing = strict.filter { !accepted.contains($0.id) }
    guard missing.isEmpty else {
      throw UserError(
        missing.map { $0.paragraph(on: day) }.joined(separator: "\n") + "\n"
          + (consequence.map { $0 + " " } ?? "") + "This is information, and no legal advice.",
        remedy: .acceptTerms(missing.map(\.id)))
    }
    let reason = because?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    guard !reason.isEmpty else {
      throw UserError("Terms are accepted with a reason, which goes into every record.")
    }
    acceptance = (person, day.ISO8601Format(), reason)
  }

  /// What a record of an answer says.
  package var record: JSON {
    var object = JSON.Object([
      ("id", .string(rules.map(\.id).joined(separator: "+"))),
      ("verdict", .string(verdict.rawValue)),
    ])
    if let acceptance {
      object["accepted_by"] = .string(acceptance.by)
      object["at"] = .string(acceptance.at)
      object["because"] = .string(acceptance.because)
    }
    return .object(object)
  }

  /// What a person reads before anything is sent.
  package func lines(on day: Date) -> [String] { rules.map { $0.paragraph(on: day) } }
}

extension TermsRule {
  /// The rule in sentences.
  func paragraph(on day: Date) -> String {
    if reading == .none, dated == "-" {
      return "Terms \(id). \(title). \(rule)"
    }
    let mark = Self.isStale(on: day) ? "; that is more than 180 days ago" : ""
    let duties =
      duties.isEmpty ? "" : " Duties: " + duties.map(\.description).joined(separator: " ")
    return
      "Terms \(id): \(verdict.rawValue). \(title), \(dated): \(rule)\(duties) (\(source); \(reading.rawValue), "
      + "\(Self.readOn)\(mark))"
  }
}
