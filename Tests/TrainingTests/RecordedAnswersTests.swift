// Log-probabilities that were collected with answers: they teach what the teacher in memory would, and wrong ones teach nothing.
import Foundation
import Models
import Storage
import Tensors
import Testing

@testable import Text
@testable import Tokenizers

@Suite struct RecordedAnswersTests {
  private let bytes = Result { try Tokenizer(ByteLevelFile.bytes) }
  private let text = "the cat sat on the mat 😀"

  /// A text whose bytes are all learnt, with an end before and behind it.
  private func example() throws -> TokenExamples.Example {
    let ids = [256] + (try bytes.get().encode(text)) + [256]
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
    let answered = try OtherTeacher(model, tokenizer, classCount: 257).answering(rows, store: store)

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
        "[\"\(Data(tokenizer.bytes(of: Int32(id)) ?? []).base64EncodedString())\", \(row[id] - sum)]"
      }
      named.append(pair(Int(id)))
      tops.append("[" + (0..<256).map(pair).joined(separator: ", ") + "]")
    }
    let record = try record(
      "{\"tokens\": [\(named.joined(separator: ","))], \"top\": [\(tops.joined(separator: ","))]}")
    let (text, answers) = try RecordedAnswers(record).answers(for: example, tokenizer)
    // The end is in no record; a random model gives white space its share, so pieces are joined alike.
    let expected = answered.answers[0].dropLast()
    #expect(
      answers.map(\.end) == expected.map(\.end) && text.pieces.count == aligned.pieces.count - 1)
    for (one, other) in zip(answers, expected) { #expect(abs(one.nats - other.nats) < 1e-4) }
    let total = (answers.reduce(0) { $0 + $1.nats }, expected.reduce(0) { $0 + $1.nats })
    #expect(abs(total.0 - total.1) < 1e-5 * total.1)
  }

  @Test func whiteSpaceDecidesWhereNothingElseIsKnown() throws {
    let (_, answers) = try RecordedAnswers(record(list { Double(-$0 % 7) })).answers(
      for: example(), bytes.get())
    // "the", " cat", " sat", " on", " the", " mat", " 😀"
    #expect(answers.map(\.end) == [3, 7, 11, 14, 18, 22, 27])
  }

  @Test func theFormOfChatCompletionsIsRead() throws {
    let content = text.unicodeScalars.map { scalar in
      let bytes = String(scalar).utf8.map(String.init).joined(separator: ", ")
      return "{\"token\": \"?\", \"bytes\": [\(bytes)], \"logprob\": -0.5, \"top_logprobs\": []}"
    }
    let list = "{\"content\": [\(content.joined(separator: ", "))]}"
    let (_, answers) = try RecordedAnswers(record(list)).answers(for: example(), bytes.get())
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
      ("null", "", RecordedAnswers.Flaw.missing), ("{\"tokens\": []}", "", .missing),
      ("{\"tokens\": [[\"dA==\"]]}", "", .missing), ("{\"tokens\": [[\"???\", -1]]}", "", .missing),
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
      try RecordedAnswers(other).answers(for: try example(), try bytes.get())
    }
    // Numbers before a temperature was applied hold at any.
    _ = try RecordedAnswers(
      record(list { _ in -1 }, ", \"sampling\": {\"temperature\": 0.7, \"top_p\": 0.5}"))
  }
}
