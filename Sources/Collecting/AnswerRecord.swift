// What is kept of an answer.
import Base
import Foundation
import Storage
import Text

/// A line of the files that a collection writes.
struct AnswerRecord {
  /// Which file a record goes to.
  enum Place: String, CaseIterable, Sendable {
    /// What is learnt from.
    case answers = ""
    /// Answers that a filter has turned away.
    case filtered
    /// What the model would not answer.
    case refused
    /// What no answer came for.
    case failed
  }

  let place: Place
  let json: JSON.Object

  /// Why the numbers beside an answer were left out; nil where they were kept or none came.
  private(set) var logProbabilityFlaw: RecordedAnswers.Flaw?
  /// The filter that turned the answer away.
  private(set) var filter: String?

  /// The record of an answer. `filter` names what it did not pass.
  init(
    _ answer: ReceivedAnswer, to request: CollectedRequest, about: Provenance, filter: String?,
    cost: Money?, sent: Date, received: Date
  ) {
    let isRefused = answer.refusal != nil || answer.finishReason == "content_filter"
    place = isRefused ? .refused : filter == nil ? .answers : .filtered
    self.filter = isRefused ? nil : filter
    var record = JSON.Object([
      ("hash", .string(request.hash)), request.prompt.member,
      ("completion", .string(answer.content)),
      ("reasoning", answer.reasoning.isEmpty ? .null : .string(answer.reasoning)),
      ("finish_reason", answer.finishReason.map { .string($0) } ?? .null),
      ("refusal", answer.refusal.map { .string($0) } ?? .null),
    ])
    if answer.hasLogProbabilities {
      switch Self.logProbabilities(of: answer, isPlain: request.isPlain) {
      case .success(let json): record["logprobs"] = json
      case .failure(let flaw): logProbabilityFlaw = flaw
      }
    }
    record["usage"] = answer.usage
    record["cost"] = cost.map { JSON($0.dollars) } ?? .null
    record["provider"] = .object(
      JSON.Object([
        ("url", .string(about.endpoint.address)), ("model", .string(about.model)),
        ("model_returned", answer.model.map { .string($0) } ?? .null),
        ("system_fingerprint", answer.fingerprint.map { .string($0) } ?? .null),
        ("response_id", answer.id.map { .string($0) } ?? .null),
      ]))
    record["sampling"] = request.sampling
    record["sample"] = JSON(request.sample)
    record["sent"] = .string(sent.ISO8601Format())
    record["received"] = .string(received.ISO8601Format())
    record["prompt_source"] = request.prompt.source
    record["terms"] = about.terms
    if let filter = self.filter { record["filter"] = .string(filter) }
    record["retort"] = .string(retortVersion)
    json = record
  }

  /// The record of a request that no answer came for.
  init(failed request: CollectedRequest, reason: String, tries: Int, about: Provenance) {
    place = .failed
    json = JSON.Object([
      ("hash", .string(request.hash)), request.prompt.member, ("error", .string(reason)),
      ("tries", JSON(tries)),
      (
        "provider",
        .object(
          JSON.Object([("url", .string(about.endpoint.address)), ("model", .string(about.model))]))
      ),
      ("sampling", request.sampling), ("sample", JSON(request.sample)),
      ("prompt_source", request.prompt.source),
      ("at", .string(Date().ISO8601Format())), ("retort", .string(retortVersion)),
    ])
  }

  /// The numbers of an answer, if they are what they are taken for: the tokens spell it, every number is a log-probability, and
  /// alternatives add up to no more than 1. Alternatives that a server calls unlikely by -9999 are left out.
  static func logProbabilities(of answer: ReceivedAnswer, isPlain: Bool) -> Result<
    JSON, RecordedAnswers.Flaw
  > {
    let tops = answer.tops.map { top in
      JSON.array((top.array ?? []).filter { ($0.array?.last?.double ?? -9999) > -9000 })
    }
    let found = JSON.object(
      JSON.Object([
        ("tokens", .array(answer.tokens)), ("top", .array(tops)),
        // Without a temperature, the numbers before and behind it are the same.
        ("temperature_of", .string(isPlain ? "raw" : "unknown")),
      ]))
    do {
      let read = try RecordedAnswers(JSON.Object([("logprobs", found)]))
      return read.spell(answer.content) ? .success(found) : .failure(.otherBytes)
    } catch { return .failure(error) }
  }
}

/// What all records of a collection share.
package struct Provenance: Sendable {
  let endpoint: Endpoint
  let model: String
  let terms: JSON

  package init(endpoint: Endpoint, model: String, terms: JSON) {
    (self.endpoint, self.model, self.terms) = (endpoint, model, terms)
  }
}
