// The forms in which data files hold texts, completions and conversations.
import Base
import Foundation
import Storage

/// What is wrong with an entry of a data file, for the person who wrote it.
package struct EntryProblem: Error, CustomStringConvertible {
  package let description: String
  package let remedy: UserError.Remedy?

  package init(description: String, remedy: UserError.Remedy? = nil) {
    self.description = description
    self.remedy = remedy
  }
}

/// What an object of a data file says.
enum RecordForm {
  case text(String)
  /// The completion follows its prompt as it stands; there is none where it is still to be made.
  case pair(prompt: String, completion: String?)
  /// An instruction, what it is about, and its answer, as in Alpaca's data.
  case instruction(String, input: String, output: String?)
  /// Messages of a conversation; of the first `given` none is learnt.
  case turns([JSON], given: Int)

  /// Reads `prompt` and `completion`, each a text or a list of messages; `messages`; `conversations` (ShareGPT); an
  /// export of stored completions, in which `request` or `input` holds messages and `response` or `choices` the answer;
  /// `instruction` with `input` and `output` (Alpaca); or `text`. What has answers comes before what has none: many
  /// files have a `text` or a `prompt` beside their conversations.
  init(_ object: JSON.Object) throws {
    let prompt = object["prompt"]?.string
    if object["completion"] != nil, let form = try Self.pair(object) {
      self = form
    } else if let form = try Self.messages(object) {
      self = form
    } else if let instruction = object["instruction"]?.string,
      object["output"] != nil || object["text"] == nil
    {
      self = .instruction(
        instruction, input: object["input"]?.string ?? "", output: object["output"]?.string)
    } else if let text = object["text"]?.string {
      guard !text.isEmpty else { throw EntryProblem(description: "the `text` is empty") }
      self = .text(text)
    } else if let prompt {
      self = .pair(prompt: prompt, completion: nil)
    } else if let messages = object["prompt"]?.array {
      self = .turns(messages, given: messages.count)
    } else {
      throw Self.unknown(object)
    }
  }

  private static func pair(_ object: JSON.Object) throws -> RecordForm? {
    let completion = object["completion"]
    if let prompt = object["prompt"]?.string {
      guard let completion = completion?.string else {
        throw EntryProblem(description: "the `completion` is no text, as the `prompt` is")
      }
      guard !completion.isEmpty else {
        throw EntryProblem(description: "the `completion` is empty")
      }
      return .pair(prompt: prompt, completion: completion)
    }
    guard let messages = object["prompt"]?.array else { return nil }
    return .turns(messages + (completion?.array ?? answer(completion)), given: messages.count)
  }

  /// A text as the assistant's message.
  private static func answer(_ text: JSON?) -> [JSON] {
    guard let text, text.string != nil else { return [] }
    return [.message("assistant", text)]
  }

  private static func messages(_ object: JSON.Object) throws -> RecordForm? {
    if let turns = object["conversations"]?.array {
      return .turns(try turns.map(shared), given: 0)
    }
    // What `retort generate` writes: the messages with the answer beside them.
    if let messages = object["messages"]?.array, object["choices"] == nil {
      return .turns(messages + answer(object["completion"]), given: 0)
    }
    let request =
      object["request"]?["body"]?["messages"] ?? object["request"]?["messages"] ?? object["input"]
      ?? object["messages"]
    let response = object["response"]?["body"] ?? object["response"]
    let choices = response?["choices"] ?? object["choices"]
    guard let messages = request?.array, let answer = choices?.array?.first?["message"] else {
      return nil
    }
    return .turns(messages + [answer], given: 0)
  }

  /// A turn of ShareGPT's form, `from` and `value`, as a message.
  private static func shared(_ turn: JSON) throws -> JSON {
    guard let speaker = turn["from"]?.string else { return turn }
    let roles = [
      "human": "user", "user": "user", "gpt": "assistant", "chatgpt": "assistant",
      "assistant": "assistant", "model": "assistant", "bot": "assistant",
      "function_call": "assistant", "system": "system", "tool": "tool", "observation": "tool",
      "function_response": "tool",
    ]
    guard let role = roles[speaker.lowercased()] else {
      throw EntryProblem(description: "a turn is from '\(speaker.prefix(40))', which is not known")
    }
    return .message(role, turn["value"] ?? .null)
  }

  private static func unknown(_ object: JSON.Object) -> EntryProblem {
    let names = object.members.map(\.key)
    let pairs = [
      ("question", "answer"), ("prompt", "response"), ("query", "response"), ("input", "output"),
      ("instruction", "response"), ("source", "target"), ("input", "target"),
    ]
    let guess =
      pairs.first { names.contains($0.0) && names.contains($0.1) }
      .map { "prompt: \($0.0), completion: \($0.1)" }
      ?? names.first { object[$0]?.string.map { $0.utf8.count > 20 } == true }
      .map { "text: \($0)" }
    return EntryProblem(
      description:
        "there is neither `text`, nor `prompt` with `completion`, nor `messages`, nor a stored completion"
        + ", but "
        + (names.isEmpty
          ? "nothing" : names.prefix(12).map { "`\($0.prefix(40))`" }.joined(separator: ", ")),
      remedy: guess.map { .nameFields($0) })
  }
}

/// Under which names a file's objects, or a table's columns, hold what is learnt; empty ones have their usual names.
package struct DataFields: Hashable, Sendable {
  package var text = ""
  package var prompt = ""
  package var completion = ""
  package var messages = ""

  package init() {}

  /// An object under the usual names, and with nothing else but what goes with conversations.
  func renamed(_ object: JSON.Object) throws -> JSON.Object {
    let names = [
      ("text", text), ("prompt", prompt), ("completion", completion), ("messages", messages),
    ].filter { !$0.1.isEmpty }
    guard !names.isEmpty else { return object }
    var renamed = JSON.Object()
    for (name, source) in names {
      guard let value = object[source] else {
        let keys = object.members.prefix(12).map { "`\($0.key.prefix(40))`" }
        throw EntryProblem(
          description: "there is no field `\(source)`, but \(keys.joined(separator: ", "))")
      }
      switch value {
      // A number or a truth is learnt as it is written.
      case .number(let digits): renamed[name] = .string(digits)
      case .bool(let flag): renamed[name] = .string(flag ? "true" : "false")
      default: renamed[name] = value
      }
    }
    for name in ["tools", "documents", "chat_template_kwargs"] { renamed[name] = object[name] }
    return renamed
  }
}
