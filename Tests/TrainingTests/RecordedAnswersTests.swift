// Log-probabilities that were collected with answers: they teach what the teacher in memory would, and wrong ones teach nothing.
import Foundation
import Models
import Storage
import Tensors
import Testing

@testable import Text
@testable import Tokenizers

@Suite struct RecordedAnswersTests {
  private let bytes = Result { try RunTokenizer(contextLength: 64) }
  private let text = "the cat sat on the mat 😀"

  /// A text whose bytes are all learnt, with an end before and behind it.
  private func example() throws -> TokenExamples.Example {
    let ids = [256] + (try bytes.get().tokenizer.encode(text)) + [256]
    return .init(tokens: ids, isTarget: ids.indices.map { $0 > 0 })
  }

  private func record(_ logprobs: String, _ more: String = "") throws -> JSON.Object {
    try #require(
      try JSON(
        parsing: Data(
          "{\"prompt\": \"\", \"completion\": \"x\", \"logprobs\": \(logprobs)\(more)}".utf8)
      ).object)
  }

  /// A record of the bytes of the text with some numbers.
  private func list(_ numbers: (Int) -> Double) -> String {
    let tokens = text.utf8.enumerated().map {
      "[\"\(Data([$1]).base64EncodedString())\", \(numbers($0))]"
    }
    return "{\"tokens\": [\(tokens.joined(separator: ", "))], \"temperature_of\": \"raw\"}"
  }

  /// What a model in memory says of its bytes, and the same from a record of its log-probabilities with all alternatives.
  @Test func aRecordTeachesWhatTheModelWould() throws {
    let configuration = LlamaConfiguration(
      vocabularySize: 257, width: 16, intermediateWidth: 24, layerCount: 1, headCount: 2,
      keyValueHeadCount: 2, contextLength: 32)
    let (model, tokenizer) = (Llama(configuration), try bytes.get())
    let store = VariableStore(on: ReferenceDevice(), seed: 7)
    try model.declare(in: store, prefix: "teacher")
    let example = try example()
    let aligned = try #require(
      AlignedText(student: example, tokenizer, teacher: example, tokenizer))
    let rows = AlignedRows([aligned], refused: 0, length: 32, teacherLimit: 32, isStream: false)
    let asked = try OtherTeacher(model, tokenizer, classCount: 257).answers(to: rows, store: store)

    let tokens = Tensor.input("tokens", TensorType([1, example.tokens.count - 1], .int32))
    let logits = model.logits(tokens)
    let executor = try GraphExecutor(Graph(outputs: [logits]), on: store)
    try executor.set(
      tokens, to: TensorData([1, example.tokens.count - 1], Array(example.tokens.dropLast())))
    try executor.run()
    let all = try executor.value(of: logits).floats.map(Double.init)
    var (named, tops): ([String], [String]) = ([], [])
    for (place, id) in example.tokens.dropFirst().dropLast().enumerated() {
      let row = all[257 * place..<257 * (place + 1)].map { $0 }
      let sum = log(row.reduce(0) { $0 + exp($1) })
      func pair(_ id: Int) -> String {
        "[\"\(Data(tokenizer.tokenizer.bytes(of: Int32(id)) ?? []).base64EncodedString())\", \(row[id] - sum)]"
      }
      named.append(pair(Int(id)))
      tops.append("[" + (0..<256).map(pair).joined(separator: ", ") + "]")
    }
    let record = try record(
      "{\"tokens\": [\(named.joined(separator: ","))], \"top\": [\(tops.joined(separator: ","))]}")
    let answers = try RecordedAnswers(record).answers(for: example, tokenizer, length: 32)
    // The end is in no record; a random model gives white space its share, so pieces are joined alike.
    let expected = asked[0].dropLast()
    #expect(answers.map(\.tokens) == expected.map(\.tokens))
    for (one, other) in zip(answers, expected) { #expect(abs(one.nats - other.nats) < 1e-4) }
    let total = (answers.reduce(0) { $0 + $1.nats }, expected.reduce(0) { $0 + $1.nats })
    #expect(abs(total.0 - total.1) < 1e-5 * total.1)
  }

  @Test func whiteSpaceDecidesWhereNothingElseIsKnown() throws {
    let answers = try RecordedAnswers(record(list { Double(-$0 % 7) })).answers(
      for: try example(), try bytes.get(), length: 64)
    // "the", " cat", " sat", " on", " the", " mat", " 😀"
    #expect(answers.map(\.tokens.upperBound) == [3, 7, 11, 14, 18, 22, 27])
  }

  @Test func theFormOfChatCompletionsIsRead() throws {
    let content = text.unicodeScalars.map { scalar in
      let bytes = String(scalar).utf8.map(String.init).joined(separator: ", ")
      return "{\"token\": \"?\", \"bytes\": [\(bytes)], \"logprob\": -0.5, \"top_logprobs\": []}"
    }
    let list = "{\"content\": [\(content.joined(separator: ", "))]}"
    let answers = try RecordedAnswers(record(list)).answers(
      for: try example(), try bytes.get(), length: 64)
    #expect(answers.map(\.nats) == [1.5, 2, 2, 1.5, 2, 2, 1])
    let choices =
      "null, \"choices\": [{\"logprobs\": {\"content\": [\(content.joined(separator: ", "))]}}]"
    #expect(throws: RecordedAnswers.Flaw.missing) { try RecordedAnswers(try record(choices)) }
    let whole =
      "{\"choices\": [{\"logprobs\": {\"content\": [\(content.joined(separator: ", "))]}}]}"
    let stored = try #require(try JSON(parsing: Data(whole.utf8)).object)
    #expect(try RecordedAnswers(stored).tokens.count == content.count)
  }

  @Test func wrongNumbersAreNotLearnt() throws {
    for (logprobs, more, flaw) in [
      ("null", "", RecordedAnswers.Flaw.missing), ("{\"tokens\": []}", "", .form),
      ("{\"tokens\": [[\"dA==\"]]}", "", .form), ("{\"tokens\": [[\"???\", -1]]}", "", .form),
      (list { _ in 0.5 }, "", .noNumbers), (list { $0 == 3 ? -9999 : -1 }, "", .noNumbers),
      (
        "{\"tokens\": [[\"dA==\", -1]], \"top\": [[[\"dA==\", -0.1], [\"eA==\", -0.2]]]}", "",
        .noNumbers
      ),
      (
        "{\"tokens\": [[\"dA==\", -1]], \"temperature_of\": \"unknown\"}",
        ", \"sampling\": {\"temperature\": 0.7, \"top_p\": 1}", .sampled
      ),
      (
        "{\"tokens\": [[\"dA==\", -1]]}", ", \"sampling\": {\"temperature\": 1, \"top_p\": 0.9}",
        .sampled
      ),
    ] {
      #expect(throws: flaw, "\(logprobs)") { try RecordedAnswers(try record(logprobs, more)) }
    }
    // The bytes must be the answer's.
    let other = try record("{\"tokens\": [[\"dA==\", -1]]}")
    #expect(throws: RecordedAnswers.Flaw.otherBytes) {
      try RecordedAnswers(other).answers(for: try example(), try bytes.get(), length: 64)
    }
    // A part of an answer is not the answer.
    #expect(throws: RecordedAnswers.Flaw.otherBytes) {
      try RecordedAnswers(other).answers(
        for: try example(), try bytes.get(), length: 64, answer: text)
    }
    // Numbers before a temperature was applied hold at any.
    _ = try RecordedAnswers(
      record(list { _ in -1 }, ", \"sampling\": {\"temperature\": 0.7, \"top_p\": 0.5}"))
  }

  // MARK: Rows

  private func entries(_ records: [JSON.Object]) -> [DataEntry] {
    records.map { DataEntry(source: "here", content: .record($0, named: $0)) }
  }

  /// Only what was recorded is compared: earlier answers and the end of a text are learnt by cross-entropy.
  @Test func whatIsNotRecordedIsInNoPiece() throws {
    let tokenizer = try bytes.get()
    // An answer, its end, a line of the prompt that is not learnt, and the answer that was recorded.
    let ids = try "Hi.".utf8.map(Int32.init) + [256, 10] + tokenizer.tokenizer.encode(text) + [256]
    let isTarget = ids.indices.map { $0 != 4 }
    let rows = try RecordedRows(
      [.init(tokens: ids, isTarget: isTarget)], entries([record(list { _ in -1 })]), tokenizer,
      length: 40)
    let batch = rows.rows.batch(of: [0])
    let pieces = batch[.pieces].integers
    let labels = batch[.labels].integers
    // An end was put before the first answer.
    #expect(pieces.prefix(4).allSatisfy { $0 == -1 } && labels.prefix(4).allSatisfy { $0 >= 0 })
    #expect(pieces.count { $0 >= 0 } == text.utf8.count)
    let end = try #require(labels.lastIndex(of: 256))
    #expect(pieces[end] == -1 && batch[.pieceNats].floats.reduce(0, +) == Float(text.utf8.count))
  }

  @Test func anAnswerLongerThanItsRowIsComparedAsFarAsItGoes() throws {
    let rows = try RecordedRows(
      [try example()], entries([record(list { _ in -1 })]), bytes.get(), length: 10)
    // "the", " cat", and " sa" of a piece that ends with the row.
    #expect(rows.rows.answers[0].map(\.nats) == [3, 4, 3] && rows.flaws.isEmpty)
    #expect(rows.rows.targetCount == 10)
    let short = try record("{\"tokens\": [[\"\(Data(text.utf8).base64EncodedString())\", -1]]}")
    let mixed = try RecordedRows(
      [try example(), try example()], entries([short, record(list { _ in -1 })]), bytes.get(),
      length: 10)
    #expect(mixed.flaws == [.tooLong: 1] && mixed.rows.count == 2 && mixed.rows.answers[0].isEmpty)
    #expect(throws: (any Error).self) {
      try RecordedRows([try example()], entries([short]), bytes.get(), length: 10)
    }
  }

  /// Templates write white space and texts around an answer, which are learnt but were not recorded, and cut white space off.
  @Test(arguments: [
    (" ", "", ""), ("", "\n", ""), ("\n", "</answer>\n", ""), ("Says: ", "\n", ""),
    ("", "", " "), ("", "", "\n\n"), ("\n", "\n", " "),
  ]) func answersAreFoundInWhatATemplateWrites(before: String, behind: String, cut: String) throws {
    let tokenizer = try bytes.get()
    let shown = try [256] + tokenizer.tokenizer.encode(before + text + behind) + [256, 10]
    let example = TokenExamples.Example(tokens: shown, isTarget: shown.indices.map { $0 > 0 })
    // What the record has and the template cuts off.
    let numbers = cut.utf8.map { (String(decoding: [$0], as: UTF8.self), -9.0) }
    let tokens =
      (numbers.map { (Data($0.0.utf8), $0.1) } + text.utf8.map { (Data([$0]), -1.0) })
      .map { "[\"\($0.0.base64EncodedString())\", \($0.1)]" }
    let answers = try RecordedAnswers(
      record("{\"tokens\": [\(tokens.joined(separator: ", "))]}")
    ).answers(for: example, tokenizer, length: 64, answer: cut + text)
    #expect(answers.reduce(0) { $0 + $1.nats } == Float(text.utf8.count))
    let first = 1 + before.utf8.count
    #expect(answers.first?.tokens.lowerBound == first)
    #expect(answers.last?.tokens.upperBound == first + text.utf8.count - 1)
  }

  /// A token that begins before the answer says more than the answer, so its piece is left out.
  @Test func aTornTokenIsLeftOut() throws {
    let own = TargetPieces.Stretch(
      bytes: Array("\nab cd\n".utf8), tokens: [(1, 2), (2, 3), (3, 6), (4, 7)], special: nil)
    let given = TargetPieces.Stretch(
      bytes: Array("ab cd".utf8), tokens: [(1, 1), (2, 2), (3, 5)], special: nil)
    let pieces = try #require(AlignedPiece.of(given, within: own, isWhole: true))
    #expect(pieces.map(\.student) == [2...2, 3...3] && pieces.map(\.teacher) == [2...2, 3...3])
    #expect(pieces.map(\.continues) == [false, true])
    // "b" is in two places, and before neither is white space alone.
    let doubtful = TargetPieces.Stretch(bytes: Array("b".utf8), tokens: [(1, 1)], special: nil)
    let twice = TargetPieces.Stretch(
      bytes: Array("ab b".utf8), tokens: [(1, 1), (2, 2), (3, 3), (4, 4)], special: nil)
    #expect(AlignedPiece.of(doubtful, within: twice, isWhole: true) == nil)
  }

  /// Servers show the token that ends an answer, and end tokens among what else might have stood there.
  @Test func theEndOfARecordIsNoText() throws {
    let named = text.utf8.map { "[\"\(Data([$0]).base64EncodedString())\", -1]" }
    for end in ["<|endoftext|>", "</s>", ""] {
      let last = "[\"\(Data(end.utf8).base64EncodedString())\", -0.5]"
      let answers = try RecordedAnswers(
        record("{\"tokens\": [\((named + [last]).joined(separator: ", "))]}")
      ).answers(for: example(), bytes.get(), length: 64)
      #expect(answers.reduce(0) { $0 + $1.nats } == Float(text.utf8.count))
    }
  }
}
