// A model that is served.
import Base
import Foundation
import Storage
import Text
import Tokenizers

/// A language model, or an encoder of sentences, under a name.
package struct ServedModel: Sendable {
  /// What a model can be asked for.
  enum Kind: Sendable {
    case texts(GenerationService)
    case vectors(VectorService)
  }

  package let name: String
  let text: TokenizerDirectory
  /// Tells weights, tokenizer, Retort, device and slots from others: the same request has the same answer with the same one.
  let fingerprint: String
  let kind: Kind
  let created: Int
  /// How many tokens the model's table has.
  let tokenCount: Int

  /// A language model that continues texts. `identity` is what its answers follow from.
  package init(
    _ name: String, _ text: TokenizerDirectory, tokenCount: Int, identity: String,
    generator: SlotGenerator,
    on thread: DeviceThread
  ) {
    (self.name, self.text, self.tokenCount) = (name, text, tokenCount)
    fingerprint = Self.fingerprint(identity)
    kind = .texts(GenerationService(generator, on: thread))
    created = Int(Date().timeIntervalSince1970)
  }

  /// An encoder of sentences.
  package init(
    _ name: String, _ text: TokenizerDirectory, tokenCount: Int, identity: String,
    longest: Int, vectors: @escaping VectorService.Embed,
    ids: @escaping @Sendable (String) throws -> [Int32], on thread: DeviceThread
  ) {
    (self.name, self.text, self.tokenCount) = (name, text, tokenCount)
    fingerprint = Self.fingerprint(identity)
    kind = .vectors(VectorService(vectors, longest: longest, ids: ids, on: thread))
    created = Int(Date().timeIntervalSince1970)
  }

  private static func fingerprint(_ identity: String) -> String {
    "fp_" + Fingerprint(of: Data(identity.utf8)).description.prefix(12)
  }

  /// What `/v1/models` says of it.
  var json: JSON {
    var object = JSON.Object([
      ("id", .string(name)), ("object", .string("model")), ("created", JSON(created)),
      ("owned_by", .string("retort")),
    ])
    // The name that vLLM has for it.
    var makesTexts = false
    if case .texts(let service) = kind {
      makesTexts = true
      object["max_model_len"] = JSON(service.capacity)
    }
    // What the page has to know: OpenAI's list does not say it.
    object["retort"] = [
      "makes": makesTexts ? "texts" : "vectors",
      "conversations": .bool(makesTexts && text.hasChatTemplate),
    ]
    return .object(object)
  }

  /// The service that continues texts; an error where the model does not.
  func generation() throws -> GenerationService {
    guard case .texts(let service) = kind else {
      throw ServerFault.invalid(
        "\(name) is an encoder of sentences: it has /v1/embeddings alone.", "model")
    }
    return service
  }

  /// Ids that a request gave; an error where one is none of the model's.
  func checked(_ ids: [Int32], _ param: String) throws -> [Int32] {
    if let wrong = ids.first(where: { $0 < 0 || Int($0) >= tokenCount }) {
      throw ServerFault.invalid(
        "\(wrong) is none of the ids of \(name), which are from 0 to \(tokenCount - 1).", param)
    }
    return ids
  }

  /// The bytes of a token, and its text: bytes that are no UTF-8 by themselves become U+FFFD in the text alone.
  func spelling(_ id: Int32) -> (text: String, bytes: [UInt8]) {
    var bytes = text.tokenizer.bytes(of: id) ?? Array(text.tokenizer.decode([id]).utf8)
    if bytes.isEmpty { bytes = Array((text.tokenizer.token(id) ?? "").utf8) }
    return (String(decoding: bytes, as: UTF8.self), bytes)
  }
}

/// Vectors of sentences, made one request at a time.
package final class VectorService: Sendable {
  package typealias Embed = ([[Int32]]) throws -> [[Float]]

  private struct Confined: @unchecked Sendable { let embed: Embed }

  private let thread: DeviceThread
  private let confined: Confined
  let ids: @Sendable (String) throws -> [Int32]
  /// The most tokens of a sentence.
  let longest: Int
  /// How many sentences are embedded before others have their turn.
  private static let part = 32

  init(
    _ embed: @escaping Embed, longest: Int, ids: @escaping @Sendable (String) throws -> [Int32],
    on thread: DeviceThread
  ) {
    confined = Confined(embed: embed)
    self.longest = longest
    self.thread = thread
    self.ids = ids
  }

  func vectors(_ ids: [[Int32]]) async throws -> [[Float]] {
    let confined = confined
    var vectors: [[Float]] = []
    for first in stride(from: 0, to: ids.count, by: Self.part) {
      let part = Array(ids[first..<min(ids.count, first + Self.part)])
      vectors += try await thread.run { try confined.embed(part) }
    }
    return vectors
  }
}
