// Texts that a teacher wrote: what is learnt of them, and what is not.
import Base
import Checks
import Foundation
import Storage
import Testing
import Tokenizers
import Training

@testable import Distillation
@testable import Text

@Suite struct EntryExamplesTests {
  private let folder: TemporaryFolder
  private let text: TokenizerDirectory

  init() throws {
    folder = try TemporaryFolder()
    for file in ByteLevelFile.files(ByteLevelFile.bytes, contextLength: nil) {
      try folder.write(file.text, to: file.name)
    }
    let template =
      "{% for m in messages %}[{{ m.role[0] }}]{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\\\n' }}{% endfor %}{% if add_generation_prompt %}[a]{% endif %}"
    try folder.write(
      #"{"eos_token": "<|endoftext|>", "chat_template": "\#(template)"}"#,
      to: "tokenizer_config.json")
    text = try TokenizerDirectory(folder.url)
  }

  /// The examples of some lines, as the text with what is learnt in brackets; `~` ends a text.
  private func learnt(_ lines: String) throws -> [String] {
    try folder.write(lines, to: "data.jsonl")
    let reader = EntryExamples(text.tokenizer, end: try #require(text.endOfText), directory: text)
    return try DataEntry.read([folder.url.appending(path: "data.jsonl").path])
      .flatMap(reader.examples)
      .map { example in
        var shown = ""
        var isInside = false
        for (token, isTarget) in zip(example.tokens, example.isTarget) {
          if isTarget != isInside { shown += isTarget ? "{" : "}" }
          isInside = isTarget
          shown += token == 256 ? "~" : text.tokenizer.decode([token])
        }
        return shown + (isInside ? "}" : "")
      }
  }

  @Test func onlyWhatTheTeacherWroteIsLearntAndItsEnd() throws {
    let shown = try learnt(
      """
      {"text": "all of it"}
      {"prompt": "Q: 1+1? A:", "completion": " 2"}

      {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "one"}, {"role": "user", "content": "v"}, {"role": "assistant", "content": "two"}]}
      {"request": {"messages": [{"role": "user", "content": "u"}]}, "response": {"choices": [{"message": {"role": "assistant", "content": "yes"}}]}}
      {"messages": [{"role": "user", "content": "u"}], "completion": "yes", "finish_reason": "stop"}
      {"custom_id": "7", "input": [{"role": "user", "content": "u"}], "response": {"body": {"choices": [{"message": {"role": "assistant", "content": "yes"}}]}}}
      """)
    #expect(
      shown == [
        "{all of it~}", "Q: 1+1? A:{ 2~}", "[s]s\n[u]u\n[a]{one~}\n[u]v\n[a]{two~}\n",
        "[u]u\n[a]{yes~}\n", "[u]u\n[a]{yes~}\n", "[u]u\n[a]{yes~}\n",
      ])
  }

  @Test(arguments: [
    ("{\"text\": \"\"}", "line 2: the `text` is empty"),
    ("{\"prompt\": \"a\", \"completion\": \"\"}", "line 2: the `completion` is empty"),
    ("{\"prompt\": \"a\"}", "line 2: there is a `prompt` and no `completion`"),
    ("{\"messages\": []}", "line 2: no message of the assistant"),
    ("{\"messages\": [{\"role\": \"user\"}]}", "line 2: a message has no"),
    ("{\"messages\": [{\"role\": \"assistant\", \"content\": \"\"}]}", "line 2: no message"),
    ("{\"text\": ", "line 2, is no JSON object"), ("[]", "line 2, is no JSON object"),
  ])
  func aWrongLineIsNamed(line: String, message: String) throws {
    let error = #expect(throws: UserError.self) { try learnt("{\"text\": \"ok\"}\n\(line)\n") }
    #expect(error?.description.contains(message) == true, "\(error as Any)")
  }

  @Test func rowsArePaddedAndPaddingIsNotLearnt() throws {
    let examples = TokenExamples(
      [
        .init(tokens: [5, 6, 7, 8], isTarget: [false, false, true, true]),
        .init(
          tokens: [1, 2, 3, 4, 5, 6, 7], isTarget: [false] + [Bool](repeating: true, count: 6)),
        // Its answer begins after what fits; and one that has nothing to learn.
        .init(
          tokens: [1, 2, 3, 4, 5, 6, 7], isTarget: [Bool](repeating: false, count: 6) + [true]),
        .init(tokens: [9, 9], isTarget: [true, false]),
      ], length: 5)
    #expect(examples.count == 2 && examples.cutCount == 2 && examples.droppedCount == 2)
    #expect(examples.targetCount == 7)
    #expect(examples.batches(of: 3).count == 1)
    let batch = try examples.batches(of: 3)[0]
    #expect(batch.weight == 7)
    #expect(
      batch[.tokens].integers == [5, 6, 7, 0, 0] + [1, 2, 3, 4, 5] + [0, 0, 0, 0, 0])
    #expect(
      batch[.labels].integers == [-1, 7, 8, -1, -1] + [2, 3, 4, 5, 6] + [-1, -1, -1, -1, -1])
    // Every text once in each pass, in an order of its own.
    let rows = try (0..<6).map {
      try examples.batch(at: TrainingPlace(step: $0, rowCount: 1, seed: 2))[.tokens].integers[0]
    }
    for pass in 0..<3 { #expect(Set(rows[2 * pass..<2 * pass + 2]) == [1, 5]) }
  }

  @Test func anEndThatLooksLikePaddingIsLearnt() {
    // Rows are filled up with 0, which may be the token that ends a text.
    let batch = TokenExamples(
      [.init(tokens: [4, 5, 0], isTarget: [false, true, true])], length: 5
    ).batch(of: [0])
    #expect(batch[.labels].integers == [5, 0, -1, -1, -1] && batch.weight == 2)
  }

  @Test func calibrationIsZeroForAModelThatIsRightAsOftenAsItSays() {
    var honest = Calibration()
    var boaster = Calibration()
    for index in 0..<100 {
      honest.add(-Float(0.7).logarithm, isRight: index % 10 < 7)
      boaster.add(-Float(0.9).logarithm, isRight: index % 10 < 4)
    }
    #expect(honest.error < 1e-6)
    #expect(abs(boaster.error - 0.5) < 1e-6)
    boaster.add(.nan, isRight: true)
    #expect(boaster.error.isNaN)
  }

  /// What is learnt with another template.
  private func learnt(_ template: String, _ lines: String) throws -> [String] {
    try folder.write(template, to: "chat_template.jinja")
    return try learnt(lines)
  }

  @Test func everyAnswerIsLearntHoweverEarlierOnesAreWritten() throws {
    let lines =
      #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "one"}, {"role": "user", "content": "r"}, {"role": "assistant", "content": "two"}]}"#
    // Only the last turn has a mark of its own.
    #expect(
      try learnt(
        "{% for m in messages %}[{{ m.role[0] }}]{% if m.role == 'assistant' and loop.last %}<t>{% endif %}{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[a]{% endif %}",
        lines) == ["[u]q~[a]{one~}[u]r~[a]{<t>two~}"])
    // Earlier answers are left out: they are learnt as the last ones.
    #expect(
      try learnt(
        "{% for m in messages %}{% if m.role == 'user' or loop.last %}[{{ m.role[0] }}]{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}[a]{% endif %}",
        lines) == ["[u]q~[u]r~[a]{two~}", "[u]q~[a]{one~}"])
    // What ends an answer is the mark of the next turn; the last one gets it as well.
    #expect(
      try learnt(
        "{% for m in messages %}{% if m.role == 'user' %}{{ eos_token }}{% else %}[a]{% endif %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}[a]{% endif %}",
        lines) == ["~q[a]{one~}r[a]{two~}"])
  }

  @Test func toolsAndOptionsReachTheTemplate() throws {
    let template =
      "{% if tools %}{{ tools[0].name }};{% endif %}{{ mood | default('') }}{% for m in messages %}[{{ m.role[0] }}]{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[a]{% endif %}"
    #expect(
      try learnt(
        template,
        #"{"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}, {"role": "assistant", "content": "a"}], "tools": [{"name": "f"}], "chat_template_kwargs": {"mood": "!"}}"#
      ) == ["f;![u]q~[a]{a~}"])
    #expect(throws: UserError.self) {
      try learnt(
        template,
        #"{"messages": [{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "a"}]}"#
      )
    }
  }

  @Test func noTextIsEndedTwice() throws {
    #expect(try learnt(#"{"text": "ab<|endoftext|>"}"#) == ["{ab~}"])
    #expect(try learnt(#"{"prompt": "a", "completion": "b<|endoftext|>"}"#) == ["a{b~}"])
  }
}

extension Float {
  fileprivate var logarithm: Float { Float(Foundation.log(Double(self))) }
}
