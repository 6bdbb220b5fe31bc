// Reading regular expressions.

/// What a pattern says.
indirect enum PatternNode {
  case set(ScalarSet)
  case sequence([PatternNode])
  case choice([PatternNode])
  case several(PatternNode, least: Int, most: Int, Pattern.Greed)
  case look(PatternNode, isNegative: Bool, isBehind: Bool)
  case atomic(PatternNode)
  case anchor(Pattern.Anchor)
}

/// Reads the notation of Oniguruma with Ruby's syntax, as far as tokenizers use it; the rest is an error that names
/// it.
struct PatternParser {
  struct Options {
    var ignoresCase = false
    var dotTakesNewline = false
    var isExtended = false
  }

  private let text: String
  let source: Scalars
  var place = 0
  var options = Options()
  /// How many groups have begun that another syntax could refer to by number.
  var groupCount = 0
  private var depth = 0

  private static let longest = 20_000
  private static let deepest = 100
  private static let mostRepetitions = 100_000
  private static let mostStacked = 20

  init(_ source: String) {
    text = source
    self.source = Scalars(source)
  }

  mutating func parse() throws -> PatternNode {
    guard source.count <= Self.longest else {
      throw TokenizerError(
        "The pattern \(text.excerpt) has \(source.count) characters, more than \(Self.longest).")
    }
    let node = try choice()
    guard place == source.count else { throw failure("a closing parenthesis without its opening") }
    return node
  }

  func failure(_ what: String) -> TokenizerError {
    TokenizerError("The pattern \(text.excerpt) has \(what) at character \(place).")
  }

  var next: Unicode.Scalar? { place < source.count ? source[place] : nil }

  mutating func take(_ text: StaticString) -> Bool {
    text.withUTF8Buffer { wanted in
      guard source.count - place >= wanted.count,
        zip(source[place...], wanted).allSatisfy({ $0.value == UInt32($1) })
      else { return false }
      place += wanted.count
      return true
    }
  }

  mutating func nested<T>(_ body: (inout PatternParser) throws -> T) throws -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw failure("groups nested too deeply") }
    return try body(&self)
  }

  // MARK: Branches and repetitions

  /// Branches up to the end of the group; options that are set on the way hold to its end.
  mutating func choice() throws -> PatternNode {
    let before = options
    defer { options = before }
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence() throws -> PatternNode {
    var nodes: [PatternNode] = []
    while true {
      try skipComments()
      guard let scalar = next, scalar != "|", scalar != ")" else { break }
      guard let atom = try atom() else { continue }
      nodes.append(try repeated(atom))
    }
    return .sequence(nodes)
  }

  /// Comments, and in extended patterns white space.
  private mutating func skipComments() throws {
    while true {
      if take("(?#") {
        while let scalar = next, scalar != ")" { place += scalar == "\\" ? 2 : 1 }
        guard take(")") else { throw failure("a comment without its end") }
      } else if options.isExtended, take("#") {
        while let scalar = next, scalar != "\n" { place += 1 }
      } else if options.isExtended, let scalar = next, scalar.properties.isWhitespace {
        place += 1
      } else {
        return
      }
    }
  }

  private mutating func repeated(_ node: PatternNode) throws -> PatternNode {
    var node = node
    var stacked = 0
    while true {
      try skipComments()
      var (least, most) = (0, Int.max)
      var isInterval = false
      var greed = Pattern.Greed.greedy
      if take("*") {
      } else if take("+") {
        least = 1
      } else if take("?") {
        most = 1
      } else if let bounds = try interval() {
        (least, most) = bounds
        isInterval = true
      } else {
        return node
      }
      stacked += 1
      guard stacked <= Self.mostStacked else {
        throw failure("more than \(Self.mostStacked) repetitions of one thing")
      }
      if least > most {
        // Ruby takes bounds in the wrong order for a possessive repetition.
        (least, most, greed) = (most, least, .possessive)
      } else if !isInterval || least != most, take("?") {
        // Of intervals Ruby has neither possessive ones, nor lazy ones of one number: what follows repeats them.
        greed = .lazy
      } else if !isInterval, take("+") {
        greed = .possessive
      }
      node = .several(node, least: least, most: most, greed)
    }
  }

  /// {2}, {2,}, {,3} or {2,3}; nil for a brace that stands for itself.
  mutating func interval() throws -> (Int, Int)? {
    let before = place
    guard take("{") else { return nil }
    let least = try number()
    let hasComma = take(",")
    let most = hasComma ? try number() : nil
    guard take("}"), least != nil || most != nil else {
      place = before
      return nil
    }
    return (least ?? 0, hasComma ? most ?? .max : least ?? 0)
  }

  private mutating func number() throws -> Int? {
    let start = place
    var value = 0
    while let scalar = next, let digit = Self.digit(scalar, 10) {
      value = 10 * value + digit
      guard value <= Self.mostRepetitions else { throw failure("a repetition out of range") }
      place += 1
    }
    return place > start ? value : nil
  }

  static func digit(_ scalar: Unicode.Scalar, _ radix: Int) -> Int? {
    scalar.isASCII ? Character(scalar).hexDigitValue.flatMap { $0 < radix ? $0 : nil } : nil
  }

  /// nil for what only sets options.
  private mutating func atom() throws -> PatternNode? {
    guard let scalar = next else { throw failure("its end where something is expected") }
    switch scalar {
    case "(": return try nested { try $0.group() }
    case "[":
      place += 1
      return .set(try nested { try $0.bracket(isInner: false) })
    case ".":
      place += 1
      return .set(options.dotTakesNewline ? .any : .complement(.one(10)))
    case "^":
      place += 1
      return .anchor(.lineStart)
    case "$":
      place += 1
      return .anchor(.lineEnd)
    case "\\": return try escape()
    case "*", "+", "?": throw failure("a repetition of nothing")
    case "{":
      guard try interval() == nil else { throw failure("a repetition of nothing") }
      place += 1
      return literal(scalar)
    default:
      place += 1
      return literal(scalar)
    }
  }

  func literal(_ scalar: Unicode.Scalar) -> PatternNode {
    .set(
      options.ignoresCase ? .union(scalar.caseVariants.map { .one($0.value) }) : .one(scalar.value))
  }
}
