// Looking for texts and patterns.
import Storage

/// What a part of a tokenizer looks for: a text, or a regular expression.
enum Finder: Sendable {
  case text(TextPattern)
  case pattern(Pattern)

  init(_ part: TokenizerPart) throws {
    guard let pattern = part.json["pattern"] else { throw part.failure("has no pattern") }
    if let text = pattern["String"]?.string ?? pattern.string {
      // The library makes a pattern of every text; the empty one matches between all characters.
      self = text.isEmpty ? .pattern(try Pattern("")) : .text(TextPattern(Scalars(text)))
    } else if let source = pattern["Regex"]?.string {
      self = .pattern(try Pattern(source))
    } else {
      throw part.failure("has a pattern that is neither a String nor a Regex")
    }
  }

  /// Where it is found, from left to right; a pattern may match nothing. In an empty text nothing is found.
  func matches(in text: Scalars) throws -> [Range<Int>] {
    switch self {
    case _ where text.isEmpty: return []
    case .pattern(let pattern): return try pattern.matches(in: text)
    case .text(let wanted): return wanted.matches(in: text)
    }
  }
}

/// A text that is looked for in time that does not depend on its length (Knuth, Morris and Pratt, 1977).
struct TextPattern: Sendable {
  private let wanted: Scalars
  /// For each length of a beginning, how much of its end is a shorter beginning.
  private let borders: [Int]

  init(_ wanted: Scalars) {
    self.wanted = wanted
    var borders = [0, 0]
    var length = 0
    for scalar in wanted.dropFirst() {
      while length > 0, wanted[length] != scalar { length = borders[length] }
      if wanted[length] == scalar { length += 1 }
      borders.append(length)
    }
    self.borders = borders
  }

  func matches(in text: Scalars) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var length = 0
    for (place, scalar) in text.enumerated() {
      while length > 0, wanted[length] != scalar { length = borders[length] }
      if wanted[length] == scalar { length += 1 }
      guard length == wanted.count else { continue }
      found.append(place + 1 - length..<place + 1)
      length = 0
    }
    return found
  }
}

/// Every occurrence of a pattern replaced by a text.
struct Replacement: Sendable {
  private let pattern: Finder
  private let content: Scalars

  init(_ pattern: Finder, _ content: Scalars) {
    self.pattern = pattern
    self.content = content
  }

  init(_ part: TokenizerPart) throws {
    self.init(try Finder(part), Scalars(try part.text("content")))
  }

  func callAsFunction(_ text: Scalars) throws -> Scalars {
    var isFirst = true
    return try self(text, isFirst: &isFirst)
  }

  /// `isFirst` becomes false where the library takes the beginning of the text for left out.
  func callAsFunction(_ text: Scalars, isFirst: inout Bool) throws -> Scalars {
    let matches = try pattern.matches(in: text)
    guard !matches.isEmpty else { return text }
    try WorkLimit.check(
      text.count + matches.count * content.count, from: text.count, by: "Replace")
    if matches[0].lowerBound == 0, matches[0].count > (content.isEmpty ? 0 : 1) { isFirst = false }
    var out: Scalars = []
    var place = 0
    for match in matches {
      out += text[place..<match.lowerBound] + content
      place = match.upperBound
    }
    return out + text[place...]
  }
}
