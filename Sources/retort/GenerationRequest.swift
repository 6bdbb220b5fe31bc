// What is to be continued or answered.
import Distillation
import Foundation
import Storage
import Tokenizers

/// A text to continue, or a conversation to answer.
struct Request {
  /// The text as it was given; nil for a conversation.
  var prompt: String?
  private var messages: [JSON] = []
  /// The object that it came from, whose other fields go with the completion.
  private var fields = JSON.Object()

  init(prompt: String) { self.prompt = prompt }

  init(messages: [ChatMessage]) {
    self.messages = messages.map { message in
      .object(
        JSON.Object([("role", .string(message.role)), ("content", .string(message.content))]))
    }
  }

  /// Reads one object per line; an error names the line.
  static func read(_ url: URL) throws -> [Request] {
    let requests = try JSONLinesFile(contentsOf: url).objects.map { line in
      var request = Request(prompt: "")
      request.fields = line.object
      if let prompt = line.object["prompt"]?.string {
        request.prompt = prompt
      } else if let messages = line.object["messages"]?.array, !messages.isEmpty,
        messages.allSatisfy({ $0["role"]?.string != nil })
      {
        request.prompt = nil
        request.messages = messages
      } else {
        throw StorageError(
          "\(url.path), line \(line.number): there is neither a text `prompt` nor a list `messages` "
            + "of objects with `role` and `content`.")
      }
      return request
    }
    guard !requests.isEmpty else { throw StorageError("\(url.path) has no lines.") }
    return requests
  }

  /// The ids that the model reads, at least one.
  func tokens(_ text: TokenizerDirectory) throws -> [Int32] {
    let ids: [Int32]
    if let prompt {
      ids = try text.tokenizer.encode(prompt, endsText: false)
    } else {
      // The template writes the special tokens itself.
      ids = try text.tokenizer.encode(
        try Conversation(messages, fields).render(text, messages.count, startsAnswer: true),
        addsSpecialTokens: false)
    }
    if !ids.isEmpty { return ids }
    guard
      let first = text.specialTokens["bos_token"].flatMap(text.tokenizer.id(of:)) ?? text.endOfText
    else { throw StorageError("The prompt is empty, and the model has no token to begin with.") }
    return [first]
  }

  /// The object with its completion.
  func line(completion: String, finishReason: String) -> String {
    var fields = fields
    fields["completion"] = .string(completion)
    fields["finish_reason"] = .string(finishReason)
    return JSON.object(fields).line
  }
}
