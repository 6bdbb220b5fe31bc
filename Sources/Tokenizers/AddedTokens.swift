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

/// Finds added tokens: the leftmost first, of those the longest.
struct AddedTokenFinder: Sendable {
  private var candidates: [Unicode.Scalar: [(text: Scalars, token: AddedToken)]] = [:]

  init(_ tokens: [(text: Scalars, token: AddedToken)]) {
    for (text, token) in tokens {
      if let first = text.first { candidates[first, default: []].append((text, token)) }
    }
    for key in candidates.keys { candidates[key]?.sort { $0.text.count > $1.text.count } }
  }

  /// A text in parts: what lies between tokens, and tokens.
  func split(_ text: Scalars) -> [(text: ArraySlice<Unicode.Scalar>, id: Int32?)] {
    if candidates.isEmpty { return text.isEmpty ? [] : [(text[...], nil)] }
    var parts: [(text: ArraySlice<Unicode.Scalar>, id: Int32?)] = []
    var (start, place) = (0, 0)
    while place < text.count {
      guard let (found, token) = token(in: text, at: place) else {
        place += 1
        continue
      }
      var (lower, upper) = (place, place + found.count)
      place = upper
      if token.isSingleWord {
        let isInWord =
          lower > 0 && text[lower - 1].isWord || upper < text.count && text[upper].isWord
        if isInWord { continue }
      }
      if token.takesLeft {
        while lower > start, text[lower - 1].isWhitespace { lower -= 1 }
      }
      if token.takesRight {
        while upper < text.count, text[upper].isWhitespace { upper += 1 }
      }
      if start < lower { parts.append((text[start..<lower], nil)) }
      parts.append((text[lower..<upper], token.id))
      start = upper
      place = upper
    }
    if start < text.count { parts.append((text[start...], nil)) }
    return parts
  }

  private func token(in text: Scalars, at place: Int) -> (text: Scalars, token: AddedToken)? {
    candidates[text[place]]?.first { candidate in
      text.count - place >= candidate.text.count
        && text[place..<place + candidate.text.count].elementsEqual(candidate.text)
    }
  }
}
