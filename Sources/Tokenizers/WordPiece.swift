// WordPiece (Schuster and Nakajima, 2012), as BERT uses it.
import Storage

/// Words into the longest pieces that the vocabulary has, from left to right.
struct WordPiece: Sendable {
  private let unknown: Int32
  private let longestWord: Int
  private let trie: Trie
  /// Where tokens go on behind the prefix of those inside of a word; nil where there are none.
  private let continued: Int?

  init(_ part: TokenizerPart, _ vocabulary: Vocabulary) throws {
    let name = try part.text("unk_token", default: "[UNK]")
    guard let unknown = vocabulary[Array(name.utf8)] else {
      throw part.failure("has the unknown token \(name.excerpt), which its vocab has not")
    }
    self.unknown = unknown
    longestWord = try part.count("max_input_chars_per_word", default: 100)
    var trie = Trie()
    for (token, id) in vocabulary.all {
      let scalars = String(decoding: token, as: UTF8.self).unicodeScalars
      if !scalars.isEmpty { trie.add(scalars.lazy.map(\.value), id) }
    }
    self.trie = trie
    continued = Scalars(try part.text("continuing_subword_prefix", default: "##"))
      .reduce(Optional(Trie.root)) { node, scalar in
        node.flatMap { trie.child(of: $0, scalar.value) }
      }
  }

  func encode(_ word: Scalars) throws -> [Int32] {
    guard word.count <= longestWord else { return [unknown] }
    var steps = StepCounter(word.count)
    var ids: [Int32] = []
    var start = 0
    while start < word.count {
      var node = start > 0 ? continued : Trie.root
      var end = start
      var found: (id: Int32, end: Int)?
      while let current = node, end < word.count {
        node = trie.child(of: current, word[end].value)
        end += 1
        if let id = node.flatMap(trie.value) { found = (id, end) }
      }
      try steps.take(end - start)
      guard let found else { return [unknown] }
      ids.append(found.id)
      start = found.end
    }
    return ids
  }
}
