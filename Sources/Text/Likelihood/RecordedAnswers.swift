// What a teacher said of its own tokens, as collected answers keep it.
import Base
import Foundation
import Storage
import Tokenizers

/// The log-probabilities of an answer's tokens, from a model that is not here.
///
/// Two forms are read: `logprobs: {tokens: [[BASE64, LOGPROB], ...], top: [[[BASE64, LOGPROB], ...], ...]}`, and that of OpenAI's chat
/// completions, `logprobs: {content: [{token, bytes, logprob, top_logprobs}, ...]}`, of an answer or of its first choice. `temperature_of:
/// raw` beside them says that the numbers are those before a temperature was applied.
package struct RecordedAnswers {
  package struct Token {
    package let bytes: [UInt8]
    package let logProbability: Double
    /// What else might have stood there, with its log-probability; empty where it is not known.
    package var alternatives: [(bytes: [UInt8], logProbability: Double)] = []
  }

  /// Why an answer's numbers cannot be used.
  package enum Flaw: String, Error {
    case missing = "have no log-probabilities"
    case form = "have log-probabilities in a form that is not known"
    case otherBytes = "have tokens that are not the answer"
    case tooLong = "have no piece that fits into a row"
    case noNumbers = "have numbers that are no log-probabilities"
    case sampled = "have log-probabilities that follow a temperature or top_p"
  }

  package let tokens: [Token]

  /// The numbers beside an answer in a record. Throws a `Flaw` where they cannot be what they are taken for.
  package init(_ record: JSON.Object) throws(Flaw) {
    let answer = record["response"]?["body"] ?? record["response"] ?? .object(record)
    let found = record["logprobs"] ?? answer["choices"]?.array?.first?["logprobs"] ?? .null
    if case .null = found { throw .missing }
    guard let tokens = Self.tokens(found), !tokens.isEmpty else { throw .form }
    // Providers write -9999 for "unlikely", which is no number.
    guard tokens.allSatisfy({ $0.logProbability <= 1e-6 && $0.logProbability > -9000 }) else {
      throw .noNumbers
    }
    for token in tokens {
      let sum = token.alternatives.reduce(0) { $0 + exp($1.logProbability) }
      guard sum <= 1 + 1e-3 else { throw .noNumbers }
    }
    let request = record["request"]?["body"] ?? record["request"]
    let sampling = record["sampling"] ?? request
    let isPlain =
      sampling?["temperature"]?.double ?? 1 == 1 && sampling?["top_p"]?.double ?? 1 == 1
    guard isPlain || found["temperature_of"]?.string == "raw" else { throw .sampled }
    self.tokens = tokens
  }

  /// Whether the tokens are an answer's text, perhaps with the end of it behind them.
  package func spell(_ answer: String) -> Bool {
    let bytes = tokens.flatMap(\.bytes)
    if bytes.elementsEqual(answer.utf8) { return true }
    guard let end = tokens.last, end.bytes.isEnd else { return false }
    return bytes.dropLast(end.bytes.count).elementsEqual(answer.utf8)
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

  /// How much a teacher expects white space or an end where a token stands; where only the token is known, whether it is that.
  private func expectsWord(_ index: Int) -> Float {
    let token = tokens[index]
    guard !token.alternatives.isEmpty else { return token.bytes.beginsAnew ? 1 : 0 }
    return Float(
      token.alternatives.filter(\.bytes.beginsAnew).reduce(0) { $0 + exp($1.logProbability) })
  }

  /// What was said of the pieces of the last answer in an example, as far as they lie in its first `length` tokens and the one
  /// behind. The end of a text is no piece: few records have it. Where the tokens spell `answer`, a template may have written more around
  /// it.
  func answers(
    for example: TokenExamples.Example, _ tokenizer: RunTokenizer, length: Int,
    answer: String? = nil
  ) throws(Flaw) -> [PieceRows.Answer] {
    var given = TargetPieces.Stretch()
    for (index, token) in tokens.enumerated() {
      if index == tokens.count - 1, token.bytes.isEnd { continue }
      given.bytes += token.bytes
      given.tokens.append((position: index + 1, end: given.bytes.count))
    }
    // Behind the last answer a template may have white space that is learnt.
    guard
      let shown = TargetPieces(example, tokenizer)?.stretches.last(where: { !$0.isBlank }),
      let pieces = AlignedPiece.of(
        given, within: shown, isWhole: answer.map { spell($0) } ?? false), !pieces.isEmpty
    else { throw .otherBytes }
    let inRow = pieces.filter { $0.student.upperBound <= length }
    guard !inRow.isEmpty else { throw .tooLong }
    return OtherTeacher.answers(
      to: inRow, tokens.map { Float(-min(0, $0.logProbability)) },
      tokens.indices.map(expectsWord))
  }
}

/// Answers with what was recorded of their tokens.
package struct RecordedRows: Sendable {
  package let rows: PieceRows
  /// Why some are learnt without numbers, and how many.
  let flaws: [RecordedAnswers.Flaw: Int]
  /// Answers of which nothing fits into a row: their prompts are too long.
  let droppedCount: Int

  /// A row for each answer, of at most `length` tokens and one more. Answers without numbers that can be used are learnt as text. Throws
  /// where no numbers can.
  init(
    _ examples: [TokenExamples.Example], _ entries: [DataEntry], _ tokenizer: RunTokenizer,
    length: Int
  ) throws {
    var (rows, answers): ([TokenExamples.Example], [[PieceRows.Answer]]) = ([], [])
    var flaws: [RecordedAnswers.Flaw: Int] = [:]
    for (example, entry) in zip(examples, entries) {
      let example = example.begun(by: tokenizer)
      let row = example.cut(to: length)
      guard row.targetCount > 0 else { continue }
      rows.append(row)
      do {
        answers.append(
          try RecordedAnswers(entry.record).answers(
            for: example, tokenizer, length: length, answer: entry.answer))
      } catch {
        flaws[error, default: 0] += 1
        answers.append([])
      }
    }
    droppedCount = examples.count - rows.count
    guard answers.contains(where: { !$0.isEmpty }) else {
      let why = flaws.max { $0.value < $1.value }.map {
        "\(grouped($0.value)) \($0.key.rawValue)"
      }
      throw UserError(
        "The objective likelihood without a teacher learns from the log-probabilities of collected answers. Of "
          + "\(counted(examples.count, "answer")) here none can be used: "
          + (why ?? "their prompts leave them no room in a row of \(counted(length, "token"))")
          + ".")
    }
    self.rows = PieceRows(rows, length: length, recorded: answers)
    self.flaws = flaws
  }
}

extension [UInt8] {
  /// Whether a token begins with white space or ends a text.
  fileprivate var beginsAnew: Bool { first.map(AlignedPiece.isWhiteSpace) ?? true || isEnd }

  /// Whether a token ends a text, by how such tokens are written: servers show their texts.
  fileprivate var isEnd: Bool {
    let text = String(decoding: self, as: UTF8.self)
    return isEmpty || text == "</s>" || text == "<eos>" || text == "<end_of_turn>"
      || text.hasPrefix("<|") && text.hasSuffix("|>") && text.utf8.count > 4
  }
}
