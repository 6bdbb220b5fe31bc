// Looking for texts and patterns.
import Storage

/// What a part of a tokenizer looks for: a text, or a regular expression.
enum Finder: Sendable {
  case text(Scalars)
  case pattern(Pattern)

  init(_ part: TokenizerPart) throws {
    guard let pattern = part.json["pattern"] else { throw part.failure("has no pattern") }
    if let text = pattern["String"]?.string ?? pattern.string {
      // The library makes a pattern of every text; the empty one matches between all characters.
      self = text.isEmpty ? .pattern(try Pattern("")) : .text(Scalars(text))
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
    case .text(let wanted):
      var found: [Range<Int>] = []
      var place = 0
      while place + wanted.count <= text.count {
        if text[place] == wanted[0], text[place..<place + wanted.count].elementsEqual(wanted) {
          found.append(place..<place + wanted.count)
          place += wanted.count
        } else {
          place += 1
        }
      }
      return found
    }
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

  private static let longest = 1 << 26

  func callAsFunction(_ text: Scalars) throws -> Scalars {
    let matches = try pattern.matches(in: text)
    guard !matches.isEmpty else { return text }
    guard text.count + matches.count * content.count <= Self.longest else {
      throw TokenizerError(
        "A Replace of the tokenizer would make more than \(Self.longest) characters of a text.")
    }
    var out: Scalars = []
    var place = 0
    for match in matches {
      out += text[place..<match.lowerBound] + content
      place = match.upperBound
    }
    return out + text[place...]
  }
}
