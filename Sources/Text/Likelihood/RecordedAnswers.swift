// What a teacher said of its own tokens, as collected answers keep it.
import Base
import Foundation
import Storage
import Tokenizers

/// The log-probabilities of an answer's tokens, from a model that is not here.
///
/// Two forms are read: `logprobs: {tokens: [[BASE64, LOGPROB], ...], top: [[[BASE64, LOGPROB], ...], ...]}`, and that of OpenAI's chat
/// completions, `logprobs: {content: [{token, bytes, logprob, top_logprobs}, ...]}`, of an answer or of its first choice.
struct RecordedAnswers {
  struct Token {
    let bytes: [UInt8]
    let logProbability: Double
    /// What else might have stood there, with its log-probability; empty where it is not known.
    var alternatives: [(bytes: [UInt8], logProbability: Double)] = []
  }

  /// Why an answer's numbers cannot be used.
  enum Flaw: String, Error {
    case missing = "have no log-probabilities"
    case otherBytes = "have tokens that are not the answer"
    case noNumbers = "have log-probabilities that are none"
    case sampled =
      "were drawn at a temperature or from a part of the distribution that the numbers follow"
  }

  let tokens: [Token]

  /// The numbers beside an answer in a record. Throws a `Flaw` where they cannot be what they are taken for.
  init(_ record: JSON.Object) throws(Flaw) {
    let answer = record["response"]?["body"] ?? record["response"] ?? .object(record)
    guard
      let found = record["logprobs"] ?? answer["choices"]?.array?.first?["logprobs"],
      let tokens = Self.tokens(found), !tokens.isEmpty
    else { throw .missing }
    // Providers write -9999 for "unlikely", which is no number.
    guard tokens.allSatisfy({ $0.logProbability <= 1e-6 && $0.logProbability > -9000 }) else {
      throw .noNumbers
    }
    for token in tokens {
      let sum = token.alternatives.reduce(0) { $0 + exp($1.logProbability) }
      guard sum <= 1 + 1e-3 else { throw .noNumbers }
    }
    let sampling = record["sampling"]
    let isPlain =
      sampling?["temperature"]?.double ?? 1 == 1 && sampling?["top_p"]?.double ?? 1 == 1
    guard isPlain || found["temperature_of"]?.string == "raw" else { throw .sampled }
    self.tokens = tokens
  }

  private static func tokens(_ found: JSON) -> [Token]? {
    if let list = found["tokens"]?.array {
      let tops = found["top"]?.array ?? []
      return all(list.enumerated()) { index, item in
        pair(item).map { bytes, number in
          let top = index < tops.count ? tops[index].array ?? [] : []
          return Token(
            bytes: bytes, logProbability: number, alternatives: top.compactMap(pair))
        }
      }
    }
    return all(found["content"]?.array ?? []) { item in
      named(item).map { bytes, number in
        Token(
          bytes: bytes, logProbability: number,
          alternatives: item["top_logprobs"]?.array?.compactMap(named) ?? [])
      }
    }
  }

  /// All or nothing.
  private static func all<Item, Value>(_ items: some Sequence<Item>, _ value: (Item) -> Value?)
    -> [Value]?
  {
    var values: [Value] = []
    for item in items {
      guard let value = value(item) else { return nil }
      values.append(value)
    }
    return values
  }

  /// `[BASE64, LOGPROB]`
  private static func pair(_ item: JSON) -> (bytes: [UInt8], logProbability: Double)? {
    guard let parts = item.array, parts.count == 2, let text = parts[0].string,
      let data = Data(base64Encoded: text), let number = parts[1].double
    else { return nil }
    return ([UInt8](data), number)
  }

  /// `{token, bytes, logprob}`
  private static func named(_ item: JSON) -> (bytes: [UInt8], logProbability: Double)? {
    guard let number = item["logprob"]?.double else { return nil }
    if let bytes = item["bytes"]?.array {
      let known = bytes.compactMap { $0.double.flatMap { UInt8(exactly: $0) } }
      return known.count == bytes.count ? (known, number) : nil
    }
    return item["token"]?.string.map { (Array($0.utf8), number) }
  }

  /// How much a teacher expects white space where a token stands; where only the token is known, whether it begins with some.
  private func expectsWord(_ index: Int) -> Float {
    let token = tokens[index]
    guard !token.alternatives.isEmpty else { return token.bytes.beginsWithWhiteSpace ? 1 : 0 }
    return Float(
      token.alternatives.filter(\.bytes.beginsWithWhiteSpace).reduce(0) {
        $0 + exp($1.logProbability)
      })
  }

  /// The pieces of the last answer in an example with what was said of them. The end of a text is no part of a record.
  func answers(for example: TokenExamples.Example, _ tokenizer: Tokenizer) throws(Flaw) -> (
    AlignedText, [AlignedRows.Answer]
  ) {
    guard var own = TargetPieces(example, tokenizer)?.stretches.last else { throw .otherBytes }
    own.special = nil
    var given = TargetPieces.Stretch()
    for (index, token) in tokens.enumerated() {
      given.bytes += token.bytes
      given.tokens.append((position: index + 1, end: given.bytes.count))
    }
    guard
      let pieces = AlignedPiece.of(student: TargetPieces([own]), teacher: TargetPieces([given])),
      !pieces.isEmpty
    else { throw .otherBytes }
    let numbers = [Int32](repeating: 0, count: tokens.count + 1)
    let text = AlignedText(
      example, TokenExamples.Example(tokens: numbers, isTarget: numbers.map { _ in true }), pieces)
    let answers = OtherTeacher.answers(
      pieces, tokens.map { Float(-min(0, $0.logProbability)) },
      tokens.indices.map(expectsWord))
    return (text, answers)
  }
}

extension [UInt8] {
  fileprivate var beginsWithWhiteSpace: Bool { first.map(AlignedPiece.isWhiteSpace) ?? false }
}
