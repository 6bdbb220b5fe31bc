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

  /// The examples of a file, in the order of its lines; an error names the line.
  public func examples(contentsOf url: URL) throws -> [TokenExamples.Example] {
    try JSONLinesFile(contentsOf: url).objects.map { line in
      do { return try example(line.object) } catch let problem as Problem {
        throw StorageError("\(url.path), line \(line.number): \(problem.reason).")
      } catch let error as TokenizerError {
        throw StorageError("\(url.path), line \(line.number): \(error)")
      }
    }
  }

  private struct Problem: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
  }

  func example(_ object: JSON.Object) throws -> TokenExamples.Example {
    if let text = object["text"]?.string {
      let ids = try self.text.tokenizer.encode(text)
      guard !text.isEmpty else { throw Problem("the `text` is empty") }
      return .init(tokens: ids + [end], isTarget: [Bool](repeating: true, count: ids.count + 1))
    }
    if let prompt = object["prompt"]?.string, let completion = object["completion"]?.string {
      guard !completion.isEmpty else { throw Problem("the `completion` is empty") }
      let before = try text.tokenizer.encode(prompt)
      let after = try text.tokenizer.encode(completion, addsSpecialTokens: false) + [end]
      return .init(
        tokens: before + after,
        isTarget: [Bool](repeating: false, count: before.count)
          + [Bool](repeating: true, count: after.count))
    }
    if let messages = Self.messages(object) { return try conversation(messages) }
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

  private func conversation(_ messages: [JSON]) throws -> TokenExamples.Example {
    guard
      messages.allSatisfy({ $0["role"]?.string != nil && $0["content"]?.string != nil })
    else { throw Problem("a message has no `role` or no text `content`") }
    let answers = messages.indices.filter { messages[$0]["role"]?.string == "assistant" }
    guard answers.contains(where: { messages[$0]["content"]?.string != "" }) else {
      throw Problem("no message of the assistant has a content")
    }
    let template = try text.chatTemplate()
    func ids(_ count: Int, startsAnswer: Bool) throws -> [Int32] {
      try text.tokenizer.encode(
        try template.render(Array(messages[..<count]), startsAnswer: startsAnswer),
        addsSpecialTokens: false)
    }
    let all = try ids(messages.count, startsAnswer: false)
    var isTarget = [Bool](repeating: false, count: all.count)
    for answer in answers {
      // What the whole has in common with what stood before the answer, and with what stood after it.
      func common(_ part: [Int32]) -> Int { zip(all, part).prefix { $0 == $1 }.count }
      let first = common(try ids(answer, startsAnswer: true))
      var last = common(try ids(answer + 1, startsAnswer: false))
      // What a template writes after the token that ends a turn is not the teacher's.
      if let final = all[first..<max(first, last)].lastIndex(where: text.ends.contains) {
        last = final + 1
      }
      for place in first..<max(first, last) { isTarget[place] = true }
    }
    guard isTarget.contains(true) else {
      throw Problem("the chat template leaves nothing of the assistant's messages")
    }
    return .init(tokens: all, isTarget: isTarget)
  }
}
