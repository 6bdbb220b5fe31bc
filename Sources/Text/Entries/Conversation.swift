// Conversations as data files hold them.
import Foundation
import Storage
import Tokenizers

/// Messages with what else their template is given: tools, documents, options.
package struct Conversation {
  package let messages: [JSON]
  private let options: [String: JSON]
  private let hasTools: Bool

  /// Messages of an object whose other fields may be `tools`, `documents` and `chat_template_kwargs`. A content that
  /// is a list of texts becomes one text; anything else in it is an error that names it.
  package init(_ messages: [JSON], _ object: JSON.Object = JSON.Object()) throws {
    var options: [String: JSON] = [:]
    for key in ["tools", "documents"] {
      options[key] = object[key].flatMap { $0.isNull ? nil : $0 }
    }
    for member in object["chat_template_kwargs"]?.object?.members ?? [] {
      options[member.key] = member.value
    }
    self.options = options
    hasTools = options["tools"] != nil
    self.messages = try messages.map(Self.plain)
  }

  /// A message whose content is a text, or nothing beside calls of tools.
  private static func plain(_ message: JSON) throws -> JSON {
    guard var object = message.object, object["role"]?.string != nil else {
      throw EntryProblem(description: "a message has no `role`")
    }
    if let parts = object["content"]?.array {
      let texts = try parts.map { part in
        let kind = part["type"]?.string ?? "text"
        guard kind == "text", let text = part["text"]?.string ?? part.string else {
          throw EntryProblem(
            description: "a message has a part of the type \(kind.prefix(40)), which is not built")
        }
        return text
      }
      object["content"] = .string(texts.joined())
    }
    if let calls = object["tool_calls"]?.array {
      object["tool_calls"] = .array(calls.map(Self.opened))
    }
    let calls = object["tool_calls"]?.array?.isEmpty == false || object["function_call"] != nil
    guard object["content"]?.string != nil || calls else {
      throw EntryProblem(description: "a message has no text `content`")
    }
    return .object(object)
  }

  /// A call whose arguments are values: services write them as a text of JSON, and templates expect values.
  private static func opened(_ call: JSON) -> JSON {
    guard var object = call.object, var function = object["function"]?.object,
      let text = function["arguments"]?.string,
      let arguments = try? JSON(parsing: Data(text.utf8)), arguments.object != nil
    else { return call }
    function["arguments"] = arguments
    object["function"] = .object(function)
    return .object(object)
  }

  /// The text of the first messages, as the model's template writes it.
  package func render(_ text: TokenizerDirectory, _ count: Int, startsAnswer: Bool) throws -> String
  {
    try text.chatTemplate(forTools: hasTools)
      .render(Array(messages[..<count]), startsAnswer: startsAnswer, options: options)
  }
}

extension JSON {
  /// A message of a conversation.
  static func message(_ role: String, _ content: JSON) -> JSON {
    .object(JSON.Object([("role", .string(role)), ("content", content)]))
  }
}
