// Which tokens of a conversation the teacher wrote.
import Foundation
import Storage
import Tokenizers

/// Turns a conversation into examples in which every turn of the assistant is learnt once, with the token that ends
/// it, however the template writes earlier turns.
struct ConversationTargets {
  let text: TokenizerDirectory
  let end: Int32
  let conversation: Conversation
  /// So many messages at the beginning are given: their answers are not learnt.
  var given = 0

  private typealias Characters = [Unicode.Scalar]

  func examples() throws -> [TokenExamples.Example] {
    let messages = conversation.messages
    let answers = messages.indices.dropFirst(given).filter {
      messages[$0]["role"]?.string == "assistant"
    }
    var (all, targets) = try rendered(messages.count)
    var separate: [TokenExamples.Example] = []
    var cursor = 0
    for answer in answers {
      if let place = try range(of: answer, in: all, from: cursor) {
        mark(place, isLast: answer == messages.count - 1, &all, &targets)
        cursor = place.upperBound
      } else {
        // The template shows this turn otherwise once others follow: it is learnt as the last one.
        var (alone, own) = try rendered(answer + 1)
        guard let place = try range(of: answer, in: alone, from: 0) else { continue }
        mark(place, isLast: true, &alone, &own)
        if own.contains(true) { separate.append(.init(tokens: alone.ids, isTarget: own)) }
      }
    }
    let whole =
      targets.contains(true) ? [TokenExamples.Example(tokens: all.ids, isTarget: targets)] : []
    return whole + separate
  }

  /// A text with its ids.
  private struct Rendering {
    let characters: Characters
    var ids: [Int32]
  }

  private func rendered(_ count: Int) throws -> (Rendering, [Bool]) {
    let text = try conversation.render(self.text, count, startsAnswer: false)
    let ids = try encode(text)
    return (
      Rendering(characters: Array(text.unicodeScalars), ids: ids),
      [Bool](repeating: false, count: ids.count)
    )
  }

  private func encode(_ text: String) throws -> [Int32] {
    try self.text.tokenizer.encode(text, addsSpecialTokens: false)
  }

  /// Where a turn of the assistant stands: from where the template lets an answer begin, or else from its content, to
  /// the end of its content, or of its calls of tools. nil where the text does not hold it.
  private func range(of answer: Int, in all: Rendering, from cursor: Int) throws -> Range<Int>? {
    let message = conversation.messages[answer]
    let before = Array(
      try conversation.render(text, answer, startsAnswer: true).unicodeScalars)
    let begins = all.characters.starts(with: before) && before.count >= cursor
    let content = Array((message["content"]?.string ?? "").unicodeScalars)
    let trimmed = Array(
      (message["content"]?.string ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
        .unicodeScalars)
    let hasCalls = message["tool_calls"]?.array?.isEmpty == false
    let start = begins ? before.count : cursor
    if hasCalls {
      // What is called is written behind the content: up to where the turn ends.
      let after = Array(
        try conversation.render(text, answer + 1, startsAnswer: false).unicodeScalars)
      guard begins else { return nil }
      let common = zip(all.characters, after).prefix { $0 == $1 }.count
      return common > start ? start..<common : nil
    }
    for wanted in [content, trimmed] where !wanted.isEmpty {
      guard let found = Self.find(wanted, in: all.characters, from: start) else { continue }
      return (begins ? start : found)..<found + wanted.count
    }
    return nil
  }

  private static func find(_ part: Characters, in whole: Characters, from start: Int) -> Int? {
    guard part.count <= whole.count - start else { return nil }
    return (start...whole.count - part.count).first { place in
      whole[place] == part[0] && whole[place..<place + part.count].elementsEqual(part)
    }
  }

  /// Marks the tokens of a turn, and the one that ends it: the template's, which may be the mark of the next turn,
  /// or, behind the last message, one that is added.
  private func mark(
    _ place: Range<Int>, isLast: Bool, _ all: inout Rendering, _ targets: inout [Bool]
  ) {
    func tokens(before character: Int) -> Int {
      let part = String(String.UnicodeScalarView(all.characters[..<character]))
      guard let ids = try? encode(part) else { return 0 }
      return zip(all.ids, ids).prefix { $0 == $1 }.count
    }
    let first = tokens(before: place.lowerBound)
    // What is behind may have been joined with the last characters.
    var last = max(first, tokens(before: place.upperBound))
    let near = all.ids[last...].prefix(8)
    if let final = near.firstIndex(where: text.ends.contains) {
      last = final + 1
    } else if isLast, all.ids.last.map({ !text.ends.contains($0) }) ?? true {
      last = all.ids.count
      all.ids.append(end)
      targets.append(true)
    } else if let inside = all.ids[first..<last].lastIndex(where: text.ends.contains) {
      last = inside + 1
    }
    for index in first..<last { targets[index] = true }
  }
}
