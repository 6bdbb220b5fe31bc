// Texts that a teacher wrote, of which the student learns its part.
import Foundation
import Storage
import Tensors
import Tokenizers
import Training

/// Reads line-delimited JSON whose objects have one of these forms: `text`; `prompt` and `completion`;
/// `messages` with roles and contents; or an export of stored completions, in which `request` or `input`
/// holds messages and `response` or `choices` the answer. Only what the teacher wrote is learnt: of `text`
/// everything, of conversations the assistant's turns; the token that ends it is learnt too.
public struct TextTeacher {
  private let text: TokenizerDirectory
  private let end: Int32

  public init(_ text: TokenizerDirectory) throws {
    guard let end = text.endOfText else {
      throw StorageError(
        "\(text.url.path) does not say which token ends a text: name it as `eos_token` in its "
          + "tokenizer_config.json.")
    }
    self.text = text
    self.end = end
  }

  /// The examples of a file, in the order of its lines; an error names the line. A line gives one example, or
  /// several where its template shows earlier answers otherwise once others follow.
  public func examples(contentsOf url: URL) throws -> [TokenExamples.Example] {
    try JSONLinesFile(contentsOf: url).objects.flatMap { line in
      do { return try examples(line.object) } catch let problem as Problem {
        throw StorageError("\(url.path), line \(line.number): \(problem.reason).")
      } catch {
        throw StorageError("\(url.path), line \(line.number): \(error)")
      }
    }
  }

  private struct Problem: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
  }

  func examples(_ object: JSON.Object) throws -> [TokenExamples.Example] {
    if let text = object["text"]?.string {
      guard !text.isEmpty else { throw Problem("the `text` is empty") }
      let ids = ended(try self.text.tokenizer.encode(text))
      return [.init(tokens: ids, isTarget: [Bool](repeating: true, count: ids.count))]
    }
    if let prompt = object["prompt"]?.string, let completion = object["completion"]?.string {
      guard !completion.isEmpty else { throw Problem("the `completion` is empty") }
      // A completion goes on with its prompt: the two are one text, of which the beginning is the prompt's.
      let before = try text.tokenizer.encode(prompt, endsText: false)
      let all = ended(try text.tokenizer.encode(prompt + completion))
      let given = zip(all, before).prefix { $0 == $1 }.count
      return [.init(tokens: all, isTarget: all.indices.map { $0 >= given })]
    }
    if let messages = Self.messages(object) { return try conversation(messages, object) }
    throw Problem(
      "there is neither `text`, nor `prompt` with `completion`, nor `messages`, nor a stored completion"
    )
  }

  /// The messages of a conversation, or of a request with its answer.
  private static func messages(_ object: JSON.Object) -> [JSON]? {
    // What `retort generate` writes: the messages with the answer beside them.
    if let messages = object["messages"]?.array, let completion = object["completion"]?.string {
      let answer = JSON.Object([("role", .string("assistant")), ("content", .string(completion))])
      return messages + [.object(answer)]
    }
    if let messages = object["messages"]?.array, object["choices"] == nil { return messages }
    let request =
      object["request"]?["body"]?["messages"] ?? object["request"]?["messages"] ?? object["input"]
      ?? object["messages"]
    let response = object["response"]?["body"] ?? object["response"]
    let choices = response?["choices"] ?? object["choices"]
    guard let request = request?.array, let answer = choices?.array?.first?["message"] else {
      return nil
    }
    return request + [answer]
  }

  /// Ids with the token that ends a text behind them, once.
  private func ended(_ ids: [Int32]) -> [Int32] { ids.last == end ? ids : ids + [end] }

  private func conversation(_ messages: [JSON], _ object: JSON.Object) throws
    -> [TokenExamples.Example]
  {
    let conversation: Conversation
    do { conversation = try Conversation(messages, object) } catch let error as StorageError {
      throw Problem(error.description)
    }
    let hasAnswer = conversation.messages.contains { message in
      message["role"]?.string == "assistant"
        && (message["content"]?.string?.isEmpty == false || message["tool_calls"] != nil)
    }
    guard hasAnswer else { throw Problem("no message of the assistant has a content") }
    let examples = try ConversationTargets(text: text, end: end, conversation: conversation)
      .examples()
    guard !examples.isEmpty else {
      throw Problem("the chat template leaves nothing of the assistant's messages")
    }
    return examples
  }
}
