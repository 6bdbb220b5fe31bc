// Which answers are kept to learn from.
import Base
import Foundation
import Storage
import Text
import Tokenizers

/// What an answer must be to be learnt from. Each filter has a name, under which it is counted and recorded.
package struct AnswerFilters: Sendable {
  /// Bytes of an answer in UTF-8.
  package var fewestBytes = 1
  package var mostBytes = Int.max
  /// The share of letters that must be of the scripts, from 0 to 1.
  package static let scriptShare = 0.9
  /// Scripts of Unicode, such as Latin, that an answer is written in; none takes all.
  package var scripts: [String] = []
  /// A regular expression that an answer must have, or must not have, a match of.
  package var mustMatch: String?
  package var mustNotMatch: String?
  /// Texts that are judged on, which neither prompts nor answers may share eight words in a row with.
  package var heldOut = SharedWords([])

  package init() {}

  /// Throws where a filter cannot be applied.
  package func validate() throws {
    if let wrong = scripts.first(where: { ScriptShare(of: "", in: [$0]) == nil }) {
      throw UserError(
        "There is no script '\(wrong)'; there are \(ScriptShare.names.joined(separator: ", ")).")
    }
    for pattern in [mustMatch, mustNotMatch].compactMap(\.self) {
      do { _ = try Regex(pattern) } catch {
        throw UserError("'\(pattern)' is no regular expression: \(error)")
      }
    }
  }

  /// The name of the first filter that an answer does not pass; nil where it passes all.
  func failure(of answer: ReceivedAnswer) -> String? {
    let text = answer.content
    if answer.finishReason != "stop" {
      return "finish:\(answer.finishReason?.prefix(40) ?? "none")"
    }
    if text.allSatisfy(\.isWhitespace) { return "empty" }
    if text.utf8.count < fewestBytes || text.utf8.count > mostBytes { return "length" }
    if Self.isLooping(text) { return "loop" }
    if !scripts.isEmpty, let share = ScriptShare(of: text, in: scripts)?.value,
      share < Self.scriptShare
    {
      return "script"
    }
    if let mustMatch, !Self.matches(mustMatch, text) { return "match" }
    if let mustNotMatch, Self.matches(mustNotMatch, text) { return "reject" }
    if heldOut.isShared(by: text) { return "held-out" }
    return nil
  }

  private static func matches(_ pattern: String, _ text: String) -> Bool {
    guard let regex = try? Regex(pattern) else { return false }
    return text.firstMatch(of: regex) != nil
  }

  /// Whether twenty words in a row stand there four times. Where a text has no spaces, its characters are its words.
  static func isLooping(_ text: String) -> Bool {
    let words = text.split(whereSeparator: \.isWhitespace).flatMap { word in
      word.utf8.count > 60 ? word.map(String.init) : [String(word)]
    }
    guard words.count >= 23 else { return false }
    var counts: [ArraySlice<String>: Int] = [:]
    for start in 0...words.count - 20 {
      let count = counts[words[start..<start + 20], default: 0] + 1
      if count == 4 { return true }
      counts[words[start..<start + 20]] = count
    }
    return false
  }

  /// A text in the form in which two are the same: compatible characters, letters and spaces alike (NFKC, lower case).
  static func normal(_ text: String) -> String {
    text.precomposedStringWithCompatibilityMapping.lowercased()
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}

/// Words that texts have in common with others, eight in a row. A text of fewer words is compared whole.
package struct SharedWords: Sendable {
  private static let length = 8
  private var runs: Set<[Substring]> = []
  private var shortTexts: Set<[Substring]> = []

  package init(_ texts: some Sequence<String>) {
    for text in texts {
      let words = Self.words(text)
      if words.count < Self.length {
        shortTexts.insert(words)
      } else {
        for start in 0...words.count - Self.length {
          runs.insert(Array(words[start..<start + Self.length]))
        }
      }
    }
    shortTexts.remove([])
  }

  package var isEmpty: Bool { runs.isEmpty && shortTexts.isEmpty }

  package func isShared(by text: String) -> Bool {
    guard !isEmpty else { return false }
    let words = Self.words(text)
    guard words.count >= Self.length else { return shortTexts.contains(words) }
    return (0...words.count - Self.length).contains {
      runs.contains(Array(words[$0..<$0 + Self.length]))
    }
  }

  private static func words(_ text: String) -> [Substring] {
    text.precomposedStringWithCompatibilityMapping.lowercased()
      .split { !$0.isLetter && !$0.isNumber }
  }
}
