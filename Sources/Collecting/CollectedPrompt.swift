// What is asked: prompts of a file, as a hosted model takes them.
import Base
import Foundation
import Storage
import Text

/// A prompt with where it stands.
package struct CollectedPrompt: Sendable {
  package enum Question: Sendable {
    /// Messages of a conversation.
    case messages([JSON])
    /// A text to continue.
    case text(String)
  }

  let question: Question
  let file: String
  /// The number of the entry in its file, from 1.
  let entry: Int
  /// What the entry says of the licence of its text.
  private let licence: String?

  /// Prompts of files. `asTexts` takes them for the route that continues texts; else a text is a user's message.
  package static func read(_ file: String, fields: DataFields, asTexts: Bool) throws
    -> [CollectedPrompt]
  {
    try DataEntry.read([file], fields: fields, cut: .lines).enumerated().compactMap {
      index, entry in
      // An empty line of a text asks nothing.
      if entry.plainText?.allSatisfy(\.isWhitespace) == true { return nil }
      let asked = try EntryPrompt(entry, isConversational: !asTexts)
      let licence = (entry.named["licence"] ?? entry.named["license"])?.string
      return CollectedPrompt(
        question: try question(asked, asText: asTexts, entry.source), file: file, entry: index + 1,
        licence: licence)
    }
  }

  private static func question(_ asked: EntryPrompt, asText: Bool, _ source: String) throws
    -> Question
  {
    switch (asked.messages, asText) {
    case (let messages?, false): .messages(messages)
    case (_?, true):
      throw UserError(
        "\(source): a conversation cannot be continued as a text: leave out the choice of completions."
      )
    case (nil, true): .text(asked.prompt ?? "")
    case (nil, false):
      .messages(
        try EntryPrompt(messages: [.init(role: "user", content: asked.prompt ?? "")]).messages ?? []
      )
    }
  }

  /// What is asked, under the name that it has in a request and in a record.
  var member: (key: String, value: JSON) {
    switch question {
    case .messages(let messages): ("messages", .array(messages))
    case .text(let text): ("prompt", .string(text))
    }
  }

  /// Prompts of which none is another but for case, white space and compatible characters.
  package static func distinct(_ prompts: [CollectedPrompt]) -> [CollectedPrompt] {
    var seen: Set<String> = []
    return prompts.filter { seen.insert(AnswerFilters.normal($0.member.value.canonical)).inserted }
  }

  /// Everything that is asked, in words.
  package var words: String {
    switch question {
    case .messages(let messages):
      messages.compactMap { $0["content"]?.string }.joined(separator: "\n")
    case .text(let text): text
    }
  }

  /// More tokens than a model can read in the prompt: no tokenizer makes more of them than bytes, and a template adds a few to each
  /// message.
  var tokenBound: Int {
    switch question {
    case .messages(let messages):
      messages.reduce(16) { $0 + JSON.object($1.object ?? .init()).line.utf8.count + 16 }
    case .text(let text): text.utf8.count + 16
    }
  }

  /// Where the prompt came from, as a record says it.
  var source: JSON {
    .object(
      JSON.Object([
        ("file", .string(file)), ("entry", JSON(entry)),
        ("sha256", .string(SHA256.hash(member.value.canonical))),
        ("licence", licence.map { .string($0) } ?? .null),
      ]))
  }
}
