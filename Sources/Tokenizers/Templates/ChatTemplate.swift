// Conversations as the texts that chat models were trained on.
import Foundation
import Storage
import Synchronization

/// One turn of a conversation.
package struct ChatMessage: Sendable, Hashable {
  /// `system`, `user` or `assistant`.
  package let role: String
  package let content: String

  package init(role: String, content: String) {
    self.role = role
    self.content = content
  }
}

/// The `chat_template` of a model's folder: a Jinja template, of which the part is built that such
/// templates use. What is not built is an error that names it.
package struct ChatTemplate: Sendable {
  private let nodes: [TemplateNode]
  /// The names of special tokens, such as `bos_token`, and their texts.
  private let tokens: [String: String]

  private static let longest = 1 << 20

  /// Reads a template. `tokens` are the special tokens that it may mention.
  package init(_ source: String, tokens: [String: String]) throws {
    guard source.utf8.count <= Self.longest else {
      throw TokenizerError(
        "The chat template has \(source.utf8.count) bytes, more than the \(Self.longest) that are read."
      )
    }
    self.tokens = tokens
    nodes = try Self.withKnownStack {
      do { return try TemplateParser.parse(source) } catch let failure as TemplateFailure {
        throw Self.error(failure)
      }
    }
  }

  /// The text of a conversation; with `startsAnswer` it ends where an answer begins. `options` are
  /// further names that the template knows, such as `enable_thinking`.
  package func render(
    _ messages: [ChatMessage], startsAnswer: Bool, options: [String: JSON] = [:],
    date: Date = Date()
  ) throws -> String {
    try render(
      messages.map { message in
        var object = JSON.Object()
        object["role"] = .string(message.role)
        object["content"] = .string(message.content)
        return .object(object)
      }, startsAnswer: startsAnswer, options: options, date: date)
  }

  /// The same for messages as JSON objects, whose further fields the template may read.
  package func render(
    _ messages: [JSON], startsAnswer: Bool, options: [String: JSON] = [:], date: Date = Date()
  ) throws -> String {
    let (nodes, tokens) = (nodes, tokens)
    return try Self.withKnownStack {
      func value(_ json: JSON, _ name: String) throws -> TemplateValue {
        guard let value = TemplateValue(json) else {
          throw TokenizerError(
            "The chat template is given \(name) with a whole number that is too large.")
        }
        return value
      }
      var input: [String: TemplateValue] = [
        "tools": .none, "documents": .none, "add_generation_prompt": .bool(startsAnswer),
        "messages": try value(.array(messages), "messages"),
      ]
      input.merge(tokens.mapValues { TemplateValue($0) }) { $1 }
      for (name, json) in options { input[name] = try value(json, name.excerpt) }
      do {
        return try TemplateEvaluator.render(nodes, input) { Self.text(of: date, in: $0) }
      } catch let failure as TemplateFailure { throw Self.error(failure) }
    }
  }

  /// Runs on a thread whose stack holds the deepest template that is let through, whatever the caller's holds.
  private static func withKnownStack<T: Sendable>(_ body: @escaping @Sendable () throws -> T) throws
    -> T
  {
    let answer = Answer<T>()
    let thread = Thread { answer.give(Result { try body() }) }
    thread.stackSize = 8 << 20
    thread.start()
    return try answer.wait().get()
  }

  /// What a thread gives, and another waits for.
  private final class Answer<T: Sendable>: Sendable {
    private let result = Mutex<Result<T, any Error>?>(nil)
    private let isGiven = DispatchSemaphore(value: 0)

    func give(_ result: Result<T, any Error>) {
      self.result.withLock { $0 = result }
      isGiven.signal()
    }

    func wait() throws -> Result<T, any Error> {
      isGiven.wait()
      guard let result = result.withLock({ $0 }) else {
        throw TokenizerError("The chat template gave no answer.")
      }
      return result
    }
  }

  private static func error(_ failure: TemplateFailure) -> TokenizerError {
    TokenizerError(
      "The chat template, line \(failure.line): \(failure.reason). A text that is formatted by hand "
        + "can be given instead of messages.")
  }

  /// Python's `strftime` of local time; nil where there is none, or it is very long.
  private static func text(of date: Date, in format: String) -> String? {
    guard !format.utf8.contains(0), format.utf8.count <= 4096 else { return nil }
    guard !format.isEmpty else { return "" }
    let whole = date.timeIntervalSince1970.rounded(.down)
    guard var seconds = time_t(exactly: whole) else { return nil }
    // What C's does not know, or knows otherwise: fractions, and a time without a zone.
    let micros = Int((date.timeIntervalSince1970 - whole) * 1_000_000)
    let digits = String(micros)
    let fraction = String(repeating: "0", count: 6 - digits.utf8.count) + digits
    var own = ""
    var isDirective = false
    for scalar in format.unicodeScalars {
      if !isDirective, scalar == "%" {
        isDirective = true
        continue
      }
      switch scalar {
      case "f" where isDirective: own += fraction
      case "z" where isDirective, "Z" where isDirective: break
      default:
        if isDirective { own += "%" }
        own.unicodeScalars.append(scalar)
      }
      isDirective = false
    }
    if isDirective { own += "%%" }
    var parts = tm()
    localtime_r(&seconds, &parts)
    // The end tells an empty text from one that does not fit.
    var buffer = [CChar](repeating: 0, count: 1 << 16)
    let count = strftime(&buffer, buffer.count, own + ".", &parts)
    guard count > 0 else { return nil }
    return String(
      decoding: buffer.prefix(count - 1).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
