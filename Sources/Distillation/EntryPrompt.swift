// Entries of data files as something to continue or to answer.
import Foundation
import Storage
import Tokenizers

/// What a model is asked by an entry.
public struct EntryPrompt {
  /// A text to continue; nil for a conversation.
  public let prompt: String?
  private let messages: [JSON]
  /// The entry's fields, which go with its completion.
  public let fields: JSON.Object
  private let named: JSON.Object

  public init(prompt: String) {
    (self.prompt, messages, fields, named) = (prompt, [], JSON.Object(), JSON.Object())
  }

  /// A conversation to answer.
  public init(messages: [ChatMessage]) {
    self.messages = messages.map { message in
      .object(
        JSON.Object([("role", .string(message.role)), ("content", .string(message.content))]))
    }
    (prompt, fields, named) = (nil, JSON.Object(), JSON.Object())
  }

  /// What an entry asks, without the answer that it may hold. Instructions are conversations for a model with a chat
  /// template.
  public init(_ entry: DataEntry, _ text: TokenizerDirectory) throws {
    switch entry.content {
    case .text(let text):
      (prompt, messages, named) = (text, [], JSON.Object())
      fields = JSON.Object([("prompt", .string(text))])
    case .record(let object, let named):
      (fields, self.named) = (object, named)
      (prompt, messages) = try DataEntry.placed(entry.source) {
        switch try RecordForm(named) {
        case .text(let text): return (text, [])
        case .pair(let prompt, _): return (prompt, [])
        case .instruction(let instruction, let input, _):
          let messages = text.conversation(instruction, input: input, output: nil)
          return (messages == nil ? alpacaPrompt(instruction, input: input) : nil, messages ?? [])
        case .turns(let turns, _):
          let question = turns.lastIndex { $0["role"]?.string != "assistant" }
          guard let question else {
            throw RecordForm.Problem(description: "there is no message to answer")
          }
          let messages = Array(turns[...question])
          _ = try Conversation(messages, named)
          return (nil, messages)
        }
      }
    }
  }

  /// The ids that the model reads, at least one.
  public func tokens(_ text: TokenizerDirectory) throws -> [Int32] {
    let ids: [Int32]
    if let prompt {
      ids = try text.tokenizer.encode(prompt, endsText: false)
    } else {
      // The template writes the special tokens itself.
      ids = try text.tokenizer.encode(
        try Conversation(messages, named).render(text, messages.count, startsAnswer: true),
        addsSpecialTokens: false)
    }
    if !ids.isEmpty { return ids }
    guard
      let first = text.specialTokens["bos_token"].flatMap(text.tokenizer.id(of:)) ?? text.endOfText
    else { throw StorageError("The prompt is empty, and the model has no token to begin with.") }
    return [first]
  }

  /// The entry's object with its completion.
  public func line(completion: String, finishReason: String) -> String {
    var fields = fields
    fields["completion"] = .string(completion)
    fields["finish_reason"] = .string(finishReason)
    return JSON.object(fields).line
  }
}
