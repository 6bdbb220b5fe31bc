// WordPiece (Schuster and Nakajima, 2012), as BERT uses it.
import Storage

/// Words into the longest pieces that the vocabulary has, from left to right.
struct WordPiece: Sendable {
  private let vocabulary: Vocabulary
  private let unknown: Int32
  private let prefix: [UInt8]
  private let longestWord: Int
  /// The most bytes of a token, which has at most so many characters.
  private let longestToken: Int

  init(_ part: TokenizerPart, _ vocabulary: Vocabulary) throws {
    self.vocabulary = vocabulary
    let name = try part.text("unk_token", default: "[UNK]")
    guard let unknown = vocabulary[Array(name.utf8)] else {
      throw part.failure("has the unknown token \(name), which its vocab has not")
    }
    self.unknown = unknown
    prefix = Array(try part.text("continuing_subword_prefix", default: "##").utf8)
    longestWord = try part.count("max_input_chars_per_word", default: 100)
    longestToken = vocabulary.longestToken
  }

  func encode(_ word: Scalars) -> [Int32] {
    guard word.count <= longestWord else { return [unknown] }
    var ids: [Int32] = []
    var start = 0
    while start < word.count {
      var end = min(word.count, start + longestToken)
      var found: Int32?
      while end > start {
        found = vocabulary[(start > 0 ? prefix : []) + word[start..<end].utf8]
        if found != nil { break }
        end -= 1
      }
      guard let found else { return [unknown] }
      ids.append(found)
      start = end
    }
    return ids
  }
}
