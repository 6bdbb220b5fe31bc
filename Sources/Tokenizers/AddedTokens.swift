// Tokens that are found in a text before it is cut.
import Storage

/// A token besides the model's vocabulary, such as the end of a text.
struct AddedToken: Sendable {
  let id: Int32
  let content: String
  let isSpecial: Bool
  /// Whether it is looked for in the normalised text.
  let isNormalized: Bool
  /// Whether it counts only as a whole word.
  let isSingleWord: Bool
  /// Whether it takes the white space on its left and right.
  let takesLeft: Bool
  let takesRight: Bool

  init(_ part: TokenizerPart) throws {
    guard let id = part.json["id"]?.int, (0..<1 << 26).contains(id) else {
      throw part.failure("has no id")
    }
    self.id = Int32(id)
    content = try part.text("content")
    isSpecial = try part.flag("special", default: false)
    isNormalized = try part.flag("normalized", default: !isSpecial)
    isSingleWord = try part.flag("single_word", default: false)
    takesLeft = try part.flag("lstrip", default: false)
    takesRight = try part.flag("rstrip", default: false)
  }
}

/// Finds added tokens: the leftmost first, of those the longest; of equal ones a special token.
struct AddedTokenFinder: Sendable {
  private var trie = Trie()
  private let tokens: [AddedToken]

  init(_ tokens: [(text: Scalars, token: AddedToken)]) {
    // The last of equal ones counts.
    let ordered =
      tokens.reversed().filter { !$0.token.isSpecial } + tokens.reversed().filter(\.token.isSpecial)
    self.tokens = ordered.map(\.token)
    for (index, token) in ordered.enumerated() where !token.text.isEmpty {
      trie.add(token.text.lazy.map(\.value), Int32(index))
    }
  }

  /// A text in parts: what lies between tokens, and tokens.
  func split(_ text: Scalars) throws -> [(text: ArraySlice<Unicode.Scalar>, id: Int32?)] {
    if trie.isEmpty { return text.isEmpty ? [] : [(text[...], nil)] }
    var steps = StepCounter(text.count)
    var parts: [(text: ArraySlice<Unicode.Scalar>, id: Int32?)] = []
    var (start, place) = (0, 0)
    while place < text.count {
      guard let (end, token) = try token(in: text, at: place, &steps) else {
        place += 1
        continue
      }
      var (lower, upper) = (place, end)
      defer { place = end }
      if token.isSingleWord {
        let isInWord =
          lower > 0 && text[lower - 1].isWord || upper < text.count && text[upper].isWord
        if isInWord { continue }
      }
      if token.takesLeft {
        while lower > start, text[lower - 1].isWhitespace { lower -= 1 }
        lower = max(lower, start)
      }
      if token.takesRight {
        while upper < text.count, text[upper].isWhitespace { upper += 1 }
      }
      if start < lower { parts.append((text[start..<lower], nil)) }
      // What a token takes on its right is searched all the same, as the library does.
      if lower < upper { parts.append((text[place..<end], token.id)) }
      start = upper
    }
    if start < text.count { parts.append((text[start...], nil)) }
    return parts
  }

  /// The longest token that begins at a place, with its end.
  private func token(in text: Scalars, at place: Int, _ steps: inout StepCounter) throws
    -> (end: Int, token: AddedToken)?
  {
    var (node, end) = (Trie.root, place)
    var found: (Int, AddedToken)?
    while end < text.count, let child = trie.child(of: node, text[end].value) {
      end += 1
      node = child
      if let index = trie.value(of: node) { found = (end, tokens[Int(index)]) }
    }
    try steps.take(end - place)
    return found
  }
}
