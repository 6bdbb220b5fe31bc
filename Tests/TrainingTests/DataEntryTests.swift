// Entries of data files: their forms, their fields' names, and what a model is asked by them.
import Base
import Checks
import Foundation
import Storage
import Testing
import Tokenizers

@testable import Text

@Suite struct DataEntryTests {
  private let folder: TemporaryFolder
  private let bytes: TokenizerDirectory

  init() throws {
    folder = try TemporaryFolder()
    for file in ByteLevelFile.files(ByteLevelFile.bytes, contextLength: nil) {
      try folder.write(file.text, to: "bytes/\(file.name)")
      try folder.write(file.text, to: "chat/\(file.name)")
    }
    try folder.write(
      "{% for m in messages %}[{{ m.role[0] }}]{{ m.content }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}[a]{% endif %}",
      to: "chat/chat_template.jinja")
    bytes = try TokenizerDirectory(folder.url.appending(path: "bytes"))
  }

  private var chat: TokenizerDirectory {
    get throws { try TokenizerDirectory(folder.url.appending(path: "chat")) }
  }

  private func entries(
    _ text: String, _ name: String = "data.jsonl", _ fields: DataFields = DataFields(),
    cut: DataEntry.Cut = .entries
  ) throws -> [DataEntry] {
    try folder.write(text, to: name)
    return try DataEntry.read([folder.url.appending(path: name).path], fields: fields, cut: cut)
  }

  /// What is learnt of entries, in braces; `~` ends a text.
  private func learnt(_ entries: [DataEntry], _ text: TokenizerDirectory) throws -> [String] {
    let reader = EntryExamples(text.tokenizer, end: 256, directory: text)
    return try entries.flatMap(reader.examples).map { example in
      var shown = ""
      for (place, token) in example.tokens.enumerated() {
        let (now, before) = (example.isTarget[place], place > 0 && example.isTarget[place - 1])
        shown +=
          (now == before ? "" : now ? "{" : "}")
          + (token == 256 ? "~" : text.tokenizer.decode([token]))
      }
      return shown + (example.isTarget.last == true ? "}" : "")
    }
  }

  @Test func formsThatOthersWrite() throws {
    let found = try entries(
      """
      {"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "one"}]}
      {"conversations": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "two"}]}
      {"instruction": "Add.", "input": "1 1", "output": "2", "text": "all"}
      {"instruction": "Say.", "input": "", "output": "3"}
      {"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "old"}, {"role": "user", "content": "r"}], "completion": [{"role": "assistant", "content": "new"}]}
      {"prompt": [{"role": "user", "content": "q"}], "completion": "4"}
      {"prompt": "p", "prompt_id": "7", "messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "5"}]}
      {"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": null, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{\\"x\\": 1}"}}]}]}
      """)
    #expect(
      try learnt(found, chat) == [
        "[s]s[u]q[a]{one~}", "[u]q[a]{two~}", "[u]Add.\n\n1 1[a]{2~}", "[u]Say.[a]{3~}",
        "[u]q[a]old~[u]r[a]{new~}", "[u]q[a]{4~}", "[u]p[a]{5~}",
        #"[u]p[a]{None[{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]~}"#,
      ])
  }

  @Test func bytesReadWhatNeedsNoTemplate() throws {
    let found = try entries(
      """
      {"text": "a"}
      {"prompt": "b", "completion": "c"}
      {"instruction": "Say.", "output": "3"}
      """)
    let shown = try learnt(found, bytes)
    #expect(Array(shown[..<2]) == ["{a~}", "b{c~}"])
    #expect(
      shown[2].hasPrefix("Below is an instruction") && shown[2].hasSuffix("### Response:{3~}"))
    let talk = try entries(#"{"messages": [{"role": "assistant", "content": "a"}]}"#)
    let reader = EntryExamples(bytes.tokenizer, end: 256, directory: nil)
    let error = #expect(throws: UserError.self) { try reader.examples(talk[0]) }
    #expect(error?.description.contains("line 1: a conversation needs a chat template") == true)
  }

  @Test func fieldsHaveOtherNames() throws {
    var fields = DataFields()
    (fields.prompt, fields.completion) = ("question", "answer")
    let table = try entries("question,answer,text\nq,1,x\n", "a.csv", fields)
    #expect(try learnt(table, bytes) == ["q{1~}"])
    let numbers = try entries(#"{"question": "q", "answer": 2.50}"#, "b.jsonl", fields)
    #expect(try learnt(numbers, bytes) == ["q{2.50~}"])
    let error = #expect(throws: UserError.self) {
      try entries(#"{"question": "q", "reply": "a"}"#, "c.jsonl", fields)
    }
    #expect(
      error?.description.hasSuffix(
        "c.jsonl, line 1: there is no field `answer`, but `question`, `reply`.") == true)
  }

  @Test func unknownFormsNameTheFieldsAndAWayOut() throws {
    let found = try entries(#"{"question": "q", "answer": "a"}"#)
    let error = #expect(throws: UserError.self) { try learnt(found, bytes) }
    #expect(error?.description.contains("`question`, `answer`") == true)
    #expect(error?.remedy == .nameFields("prompt: question, completion: answer"))
    // Texts are wanted where there are prompts.
    let pair = try entries(#"{"prompt": "p", "completion": "c"}"#)
    #expect(throws: UserError.self) { try DataEntry.texts(pair) }
  }

  @Test func wordsAreAllThatIsWritten() throws {
    let found = try entries(
      """
      {"prompt": "a", "completion": "b"}
      {"messages": [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}
      {"instruction": "e", "input": "f", "output": "g"}
      """)
    #expect(try found.flatMap { try $0.words() } == ["ab", "c", "d", "e", "f", "g"])
  }

  @Test func aModelIsAskedWithoutTheAnswer() throws {
    func asked(_ line: String, _ text: TokenizerDirectory) throws -> String {
      let prompt = try EntryPrompt(try entries(line)[0], text)
      return text.tokenizer.decode(try prompt.tokens(text))
    }
    #expect(try asked(#"{"prompt": "p", "completion": "c"}"#, bytes) == "p")
    #expect(
      try asked(
        #"{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}"#,
        chat)
        == "[u]q[a]")
    #expect(try asked(#"{"instruction": "i", "output": "o"}"#, chat) == "[u]i[a]")
    #expect(try asked(#"{"instruction": "i", "output": "o"}"#, bytes).hasSuffix("### Response:"))
    let lines = try entries("one\n\ntwo\n", "a.txt", cut: .lines)
    // A plain text is a stream; objects have rows of their own, also where they are texts.
    #expect(lines.map(\.plainText) == ["one", "", "two"])
    #expect(try entries(#"{"text": "a"}"#).map(\.plainText) == [nil])
    let prompt = try EntryPrompt(lines[0], bytes)
    #expect(
      prompt.line(completion: "x", finishReason: "stop")
        == #"{"prompt": "one", "completion": "x", "finish_reason": "stop"}"#)
  }
}
