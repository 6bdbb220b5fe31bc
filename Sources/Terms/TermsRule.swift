// What a provider's or a licence's text says of training on a model's outputs.
import Foundation

/// One text's rule about models that learn from outputs. It is information and no legal advice.
package struct TermsRule: Sendable {
  /// What the rule means for somebody who distils, from lenient to strict.
  package enum Verdict: String, Sendable, Comparable {
    /// Training on outputs is allowed.
    case allowed
    /// Allowed, with duties for the model that has learnt.
    case conditions
    /// Nobody here has seen a text.
    case unknown
    /// Forbidden for some purposes, most often for models that compete with the provider's.
    case restricted
    /// Forbidden.
    case forbidden

    private static let order: [Verdict] = [
      .allowed, .conditions, .unknown, .restricted, .forbidden,
    ]

    package static func < (a: Verdict, b: Verdict) -> Bool {
      (order.firstIndex(of: a) ?? 0) < (order.firstIndex(of: b) ?? 0)
    }

    /// Whether outputs are collected only where a person has accepted the terms.
    package var needsAcceptance: Bool { self >= .unknown }
  }

  /// Where the words of a rule were read.
  package enum Reading: String, Sendable {
    /// On the provider's page.
    case page = "read on the provider's page"
    /// As others quote it: the text itself was not seen.
    case quotation = "read in quotations; the primary text was not seen"
    /// No words were found.
    case none = "no text was seen"
  }

  /// The name by which the rule is accepted.
  package let id: String
  package let title: String
  package let verdict: Verdict
  /// The words, or what they come to where they are long.
  package let rule: String
  /// The version of the text, as its authors date it.
  package let dated: String
  package let reading: Reading
  /// Where the text is kept.
  package let source: String
  /// Hosts whose answers fall under the rule; a name also stands for all below it.
  package var hosts: [String] = []
  /// Beginnings of models' names, in lower case and without the owner, whose outputs fall under the rule wherever they run.
  package var models: [String] = []
  /// What model cards call the licence of weights whose outputs fall under the rule, in lower case (`license` or `license_name`).
  package var licences: [String] = []
  /// What a model that has learnt from outputs must have or do.
  package var duties: [Duty] = []

  /// When the rules of this table were read.
  package static let readOn = "2026-11-25"

  /// Whether the table is older than half a year on a day.
  package static func isStale(on day: Date) -> Bool {
    guard let read = try? Date(readOn + "T00:00:00Z", strategy: .iso8601) else { return true }
    return day.timeIntervalSince(read) > 180 * 86_400
  }

  /// The rules that a host and a model fall under.
  package static func rules(host: String, model: String) -> [TermsRule] {
    let name = model.lowercased().split(separator: "/").last.map(String.init) ?? ""
    // The longest beginning wins: "gemma-4" is not under the terms of "gemma".
    let longest =
      table.flatMap(\.models).filter { name.hasPrefix($0) }.map(\.count).max() ?? 0
    return table.filter { rule in
      rule.covers(host: host)
        || rule.models.contains { name.hasPrefix($0) && $0.count == longest }
    }
  }

  /// The rules that weights in a folder fall under: by the licences that its card names, and by the name of the model.
  package static func rules(model: String, licences: [String]) -> [TermsRule] {
    let licences = licences.map { $0.lowercased() }
    let named = rules(host: "", model: model)
    return named
      + table.filter { rule in
        !named.contains { $0.id == rule.id } && rule.licences.contains { licences.contains($0) }
      }
  }

  /// The rules that a record names, such as "mit" or "deepseek-api-2025-01-20+mit".
  package static func rules(named names: String) -> [TermsRule] {
    names.split(separator: "+").compactMap { name in table.first { $0.id == name } }
  }

  /// Whether the rule is one of a host.
  func covers(host: String) -> Bool {
    hosts.contains { host.lowercased() == $0 || host.lowercased().hasSuffix("." + $0) }
  }

  /// What stands for something that no rule names.
  package static func unknown(_ what: String) -> TermsRule {
    TermsRule(
      id: "unknown", title: "No rule is known here for \(what)", verdict: .unknown,
      rule: "Whether its answers may be trained on is yours to say.", dated: "-", reading: .none,
      source: "-")
  }
}
