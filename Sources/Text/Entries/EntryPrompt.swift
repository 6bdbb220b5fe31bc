// Entries of data files as something to continue or to answer.
import Base
import Experiments
import Foundation
import Storage
import Tokenizers

/// What a model is asked by an entry.
package struct EntryPrompt {
  private enum Question {
    case text(String)
    case conversation(Conversation)
  }

  private let question: Question
  /// The entry's fields, which go with its completion.
  private let fields: JSON.Object

  /// A text to continue; nil for a conversation.
  package var prompt: String? { if case .text(let text) = question { text } else { nil } }

  /// The messages of a conversation; nil for a text to continue.
  package var messages: [JSON]? {
    if case .conversation(let conversation) = question { conversation.messages } else { nil }
  }

  package init(prompt: String) { (question, fields) = (.text(prompt), JSON.Object()) }

  /// A conversation to answer.
  package init(messages: [ChatMessage]) throws {
    question = .conversation(
      try Conversation(messages.map { .message($0.role, .string($0.content)) }))
    fields = JSON.Object()
  }

  /// What an entry asks a model, without the answer that it may hold.
  package init(_ entry: DataEntry, _ text: TokenizerDirectory) throws {
    try self.init(entry, isConversational: text.hasChatTemplate)
  }

  /// What an entry asks. Instructions are conversations for a model that holds some.
  package init(_ entry: DataEntry, isConversational: Bool) throws {
    switch entry.content {
    case .text(let text): fields = JSON.Object([("prompt", .string(text))])
    case .record(let object, _): fields = object
    }
    question = try DataEntry.placed(entry.source) {
      switch try entry.form() {
      case .text(let text): return .text(text)
      case .pair(let prompt, _): return .text(prompt)
      case .instruction(let instruction, let input, _):
        guard isConversational else { return .text(alpacaPrompt(instruction, input: input)) }
        let messages = instructionMessages(instruction, input: input, output: nil)
        return .conversation(try Conversation(messages, entry.named))
      case .turns(let turns, _):
        guard let last = turns.lastIndex(where: { $0["role"]?.string != "assistant" }) else {
          throw EntryProblem(description: "there is no message to answer")
        }
        return .conversation(try Conversation(Array(turns[...last]), entry.named))
      }
    }
  }

  /// The ids that the model reads, at least one.
  package func tokens(_ text: TokenizerDirectory) throws -> [Int32] {
    let ids: [Int32]
    switch question {
    case .text(let prompt): ids = try text.tokenizer.encode(prompt, endsText: false)
    case .conversation(let conversation):
      // The template writes the special tokens itself.
      ids = try text.tokenizer.encode(
        conversation.render(text, conversation.messages.count, startsAnswer: true),
        addsSpecialTokens: false)
    }
    if !ids.isEmpty { return ids }
    guard
      let first = text.specialTokens["bos_token"].flatMap(text.tokenizer.id(of:)) ?? text.endOfText
    else { throw UserError("The prompt is empty, and the model has no token to begin with.") }
    return [first]
  }

  /// The entry's object with its completion.
  package func line(completion: String, finishReason: String) -> String {
    var fields = fields
    fields["completion"] = .string(completion)
    fields["finish_reason"] = .string(finishReason)
    return JSON.object(fields).line
  }
}
