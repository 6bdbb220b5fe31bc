// Cutting a text into the words that a model splits further.
import Storage

/// One step of cutting, or several (the `tokenizers` library's names).
indirect enum PreTokenizer: Sendable {
  /// What becomes of what separates words.
  enum Behavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
  }

  enum PrependScheme: String, Sendable { case always, never, first }

  case sequence([PreTokenizer])
  case byteLevel(addsSpace: Bool, Pattern?)
  case split(Finder, Behavior, isInverted: Bool)
  case set(ScalarTable, Behavior)
  case metaspace(Metaspace)

  /// How GPT-2 cuts words.
  static let gpt2Pattern =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// Words as Rust has them, with joiners.
  private static let whitespacePattern = #"[\w\u200C\u200D]+|[^\w\u200C\u200D\s]+"#

  /// GPT-2's: words as bytes, without a space before the first.
  static var gpt2: PreTokenizer {
    get throws { .byteLevel(addsSpace: false, try Pattern(gpt2Pattern)) }
  }

  init(_ part: TokenizerPart) throws {
    switch part.type {
    case "Sequence": self = .sequence(try part.parts("pretokenizers").map(PreTokenizer.init))
    case "ByteLevel":
      self = .byteLevel(
        addsSpace: try part.flag("add_prefix_space", default: true),
        try part.flag("use_regex", default: true) ? try Pattern(Self.gpt2Pattern) : nil)
    case "Split":
      guard let behavior = Behavior(rawValue: try part.text("behavior")) else {
        throw part.failure("has an unknown behavior")
      }
      self = .split(
        try Finder(part), behavior, isInverted: try part.flag("invert", default: false))
    case "Whitespace":
      self = .split(.pattern(try Pattern(Self.whitespacePattern)), .removed, isInverted: true)
    case "CharDelimiterSplit":
      let delimiter = Scalars(try part.text("delimiter"))
      guard delimiter.count == 1 else {
        throw part.failure("has a delimiter that is not one character")
      }
      self = .split(.text(TextPattern(delimiter)), .removed, isInverted: false)
    case "WhitespaceSplit": self = .set(ScalarTable(.whitespace), .removed)
    case "BertPreTokenizer":
      self = .sequence([
        .set(ScalarTable(.whitespace), .removed), .set(Self.punctuation, .isolated),
      ])
    case "Punctuation":
      guard let behavior = Behavior(rawValue: try part.text("behavior", default: "Isolated")) else {
        throw part.failure("has an unknown behavior")
      }
      self = .set(Self.punctuation, behavior)
    case "Digits":
      let isEach = try part.flag("individual_digits", default: false)
      self = .set(ScalarTable(.category("N")), isEach ? .isolated : .contiguous)
    case "Metaspace": self = .metaspace(try Metaspace(part))
    default: throw part.unknown
    }
  }

  private static let punctuation = ScalarTable(.punctuation)

  /// Cuts pieces of a text; `isFirst` says whether the first of them begins the whole text.
  func callAsFunction(_ pieces: [Scalars], isFirst: Bool) throws -> [Scalars] {
    var isFirst = isFirst
    return try cut(pieces, isFirst: &isFirst)
  }

  /// `isFirst` says afterwards whether the first of the new pieces begins the whole text.
  private func cut(_ pieces: [Scalars], isFirst: inout Bool) throws -> [Scalars] {
    switch self {
    case .sequence(let steps):
      let count = pieces.reduce(0) { $0 + $1.count }
      var pieces = pieces
      for step in steps {
        pieces = try step.cut(pieces, isFirst: &isFirst)
        try WorkLimit.check(
          pieces.reduce(0) { $0 + $1.count }, from: count, by: "pre_tokenizer")
      }
      return pieces
    case .byteLevel(let addsSpace, let pattern):
      return try pieces.flatMap { piece -> [Scalars] in
        let spaced = addsSpace && piece.first != " " ? [" "] + piece : piece
        guard let pattern else { return [ByteAlphabet.encode(spaced[...])] }
        let matches = try pattern.matches(in: spaced)
        return Self.cut(spaced, matches, .isolated).map(ByteAlphabet.encode)
      }
    case .split(let finder, let behavior, let isInverted):
      return try Self.cut(pieces, &isFirst) { piece in
        Self.cut(piece, try finder.matches(in: piece), behavior, isInverted: isInverted)
      }
    case .set(let set, let behavior):
      return Self.cut(pieces, &isFirst) { piece in
        let places = piece.indices.filter { set.contains(piece[$0]) }
        return Self.cut(piece, places.map { $0..<$0 + 1 }, behavior)
      }
    case .metaspace(let metaspace):
      return pieces.enumerated().flatMap { index, piece in
        metaspace.cut(piece, isFirst: isFirst && index == 0)
      }
    }
  }

  /// Cuts each piece; where the beginning of the text is left out, no piece is the first any more.
  private static func cut(
    _ pieces: [Scalars], _ isFirst: inout Bool,
    _ body: (Scalars) throws -> [ArraySlice<Unicode.Scalar>]
  ) rethrows -> [Scalars] {
    var all: [Scalars] = []
    for (index, piece) in pieces.enumerated() {
      let parts = try body(piece)
      if index == 0, parts.first?.startIndex != 0 { isFirst = false }
      all += parts.map(Array.init)
    }
    return all
  }

  /// Cuts at separators, which may be empty; where inverted, what lies between them separates. Pieces are never
  /// empty.
  static func cut(
    _ text: Scalars, _ matches: [Range<Int>], _ behavior: Behavior, isInverted: Bool = false
  ) -> [ArraySlice<Unicode.Scalar>] {
    var spans: [(range: Range<Int>, isSeparator: Bool)] = []
    var place = 0
    for match in matches {
      if place < match.lowerBound { spans.append((place..<match.lowerBound, isInverted)) }
      spans.append((match, !isInverted))
      place = match.upperBound
    }
    if place < text.count { spans.append((place..<text.count, isInverted)) }
    var kept: [Range<Int>] = []
    var previousWasSeparator = false
    for span in spans {
      let joins: Bool
      switch behavior {
      case .removed:
        if !span.isSeparator { kept.append(span.range) }
        continue
      case .isolated: joins = false
      case .contiguous: joins = span.isSeparator == previousWasSeparator
      case .mergedWithPrevious: joins = span.isSeparator && !previousWasSeparator
      case .mergedWithNext: joins = previousWasSeparator && !span.isSeparator
      }
      previousWasSeparator = span.isSeparator
      if joins, let last = kept.popLast() {
        kept.append(last.lowerBound..<span.range.upperBound)
      } else {
        kept.append(span.range)
      }
    }
    return kept.filter { !$0.isEmpty }.map { text[$0] }
  }
}

/// SentencePiece's way with spaces: each is a visible character at the start of a word.
struct Metaspace: Sendable {
  let replacement: Unicode.Scalar
  let scheme: PreTokenizer.PrependScheme
  private let splits: Bool

  init(_ part: TokenizerPart) throws {
    let text = try part.text("replacement", default: "\u{2581}")
    guard text.unicodeScalars.count == 1, let scalar = text.unicodeScalars.first else {
      throw part.failure("has a replacement that is not one character")
    }
    replacement = scalar
    let old = try part.flag("add_prefix_space", default: true) ? "always" : "never"
    guard
      let scheme = PreTokenizer.PrependScheme(
        rawValue: try part.text("prepend_scheme", default: old))
    else { throw part.failure("has an unknown prepend_scheme") }
    self.scheme = scheme
    splits = try part.flag("split", default: true)
  }

  func cut(_ text: Scalars, isFirst: Bool) -> [Scalars] {
    var text = text.map { $0 == " " ? replacement : $0 }
    if scheme == .always || scheme == .first && isFirst, text.first != replacement {
      text.insert(replacement, at: 0)
    }
    guard splits else { return [text] }
    let places = text.indices.filter { text[$0] == replacement }
    return PreTokenizer.cut(text, places.map { $0..<$0 + 1 }, .mergedWithNext).map(Array.init)
  }
}
