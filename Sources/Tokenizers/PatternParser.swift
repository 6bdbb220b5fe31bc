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
  private struct Options {
    var ignoresCase = false
    var dotTakesNewline = false
    var isExtended = false
  }

  private let text: String
  private let source: Scalars
  private var place = 0
  private var depth = 0
  private var options = Options()

  private static let longest = 20_000
  private static let deepest = 100
  private static let mostRepetitions = 100_000

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

  private func failure(_ what: String) -> TokenizerError {
    TokenizerError("The pattern \(text.excerpt) has \(what) at character \(place).")
  }

  private var next: Unicode.Scalar? { place < source.count ? source[place] : nil }

  private mutating func take(_ text: String) -> Bool {
    let wanted = Scalars(text)
    guard source[place...].starts(with: wanted) else { return false }
    place += wanted.count
    return true
  }

  private mutating func nested<T>(_ body: (inout PatternParser) throws -> T) throws -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw failure("groups nested too deeply") }
    return try body(&self)
  }

  // MARK: Groups and repetitions

  /// Branches up to the end of the group; options that are set on the way hold to its end.
  private mutating func choice() throws -> PatternNode {
    let before = options
    defer { options = before }
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence() throws -> PatternNode {
    var nodes: [PatternNode] = []
    while true {
      if options.isExtended { skipWhitespaceAndComments() }
      guard let scalar = next, scalar != "|", scalar != ")" else { break }
      guard let atom = try atom() else { continue }
      nodes.append(try repeated(atom))
    }
    return .sequence(nodes)
  }

  private mutating func skipWhitespaceAndComments() {
    while let scalar = next {
      if scalar == "#" {
        while let inner = next, inner != "\n" { place += 1 }
      } else if scalar.properties.isWhitespace {
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
      if options.isExtended { skipWhitespaceAndComments() }
      let (least, most): (Int, Int)
      var isInterval = false
      if take("*") {
        (least, most) = (0, .max)
      } else if take("+") {
        (least, most) = (1, .max)
      } else if take("?") {
        (least, most) = (0, 1)
      } else if next == "{", let bounds = bounds() {
        (least, most) = bounds
        isInterval = true
      } else {
        return node
      }
      guard least <= most, least <= Self.mostRepetitions,
        most == .max || most <= Self.mostRepetitions
      else { throw failure("a repetition out of range") }
      if case .anchor = node { throw failure("a repetition of an anchor") }
      stacked += 1
      guard stacked <= 20 else { throw failure("more than 20 repetitions of one thing") }
      var greed = Pattern.Greed.greedy
      // Of intervals Ruby has neither possessive ones, nor lazy ones of one number: what follows repeats them.
      if !isInterval || least != most, take("?") {
        greed = .lazy
      } else if !isInterval, take("+") {
        greed = .possessive
      }
      node = .several(node, least: least, most: most, greed)
    }
  }

  /// {2}, {2,}, {,3} or {2,3}; nil for a brace that stands for itself.
  private mutating func bounds() -> (Int, Int)? {
    let before = place
    place += 1
    let least = number()
    let hasComma = take(",")
    let most = number()
    guard take("}"), least != nil || most != nil else {
      place = before
      return nil
    }
    return (least ?? 0, hasComma ? most ?? .max : least ?? 0)
  }

  private mutating func number() -> Int? {
    var digits = ""
    while let scalar = next, ("0"..."9").contains(scalar), digits.utf8.count < 9 {
      digits.unicodeScalars.append(scalar)
      place += 1
    }
    return Int(digits)
  }

  /// nil for what only sets options.
  private mutating func atom() throws -> PatternNode? {
    guard let scalar = next else { throw failure("its end where something is expected") }
    switch scalar {
    case "(": return try nested { try $0.group() }
    case "[":
      place += 1
      return .set(cased(try nested { try $0.bracket() }))
    case ".":
      place += 1
      return .set(options.dotTakesNewline ? .any : .complement(.range(10...10)))
    case "^":
      place += 1
      return .anchor(.lineStart)
    case "$":
      place += 1
      return .anchor(.lineEnd)
    case "\\":
      if let special = try specialEscape() { return special }
      return .set(cased(try escape()))
    case "*", "+", "?": throw failure("a repetition of nothing")
    default:
      place += 1
      return .set(cased(.range(scalar.value...scalar.value)))
    }
  }

  private func cased(_ set: ScalarSet) -> ScalarSet { options.ignoresCase ? .anyCase(set) : set }

  /// Escapes that are no set of scalars.
  private mutating func specialEscape() throws -> PatternNode? {
    guard place + 1 < source.count else { throw failure("a backslash at its end") }
    let anchors: [Unicode.Scalar: Pattern.Anchor] = [
      "A": .textStart, "z": .textEnd, "Z": .textEndOrLastNewline, "b": .wordEdge, "B": .noWordEdge,
    ]
    let scalar = source[place + 1]
    if let anchor = anchors[scalar] {
      place += 2
      return .anchor(anchor)
    }
    guard scalar == "R" else { return nil }
    place += 2
    let newline = PatternNode.sequence([.set(.range(13...13)), .set(.range(10...10))])
    let others = ScalarSet.union([.range(10...13), .range(0x85...0x85), .range(0x2028...0x2029)])
    return .atomic(.choice([newline, .set(others)]))
  }

  private mutating func group() throws -> PatternNode? {
    var wrap: (PatternNode) -> PatternNode = { $0 }
    let before = options
    if take("(?=") {
      wrap = { .look($0, isNegative: false, isBehind: false) }
    } else if take("(?!") {
      wrap = { .look($0, isNegative: true, isBehind: false) }
    } else if take("(?<=") {
      wrap = { .look($0, isNegative: false, isBehind: true) }
    } else if take("(?<!") {
      wrap = { .look($0, isNegative: true, isBehind: true) }
    } else if take("(?>") {
      wrap = { .atomic($0) }
    } else if take("(?#") {
      while let scalar = next, scalar != ")" { place += 1 }
      guard take(")") else { throw failure("a comment without its end") }
      return nil
    } else if take("(?:") {
    } else if take("(?<") || take("(?'") {
      let end: Unicode.Scalar = source[place - 1] == "'" ? "'" : ">"
      let start = place
      while let scalar = next, scalar.isWord { place += 1 }
      guard place > start, next == end else { throw failure("a group without its name") }
      place += 1
    } else if take("(?") {
      guard try takeOptions() else {
        // They hold to the end of the group around, branches among it: `a(?i)b|c` is `a(?i:b|c)`.
        return try choice()
      }
    } else {
      _ = take("(")
    }
    let node = wrap(try choice())
    options = before
    guard take(")") else { throw failure("a group without its end") }
    return node
  }

  /// Options such as `i` or `m-x`; whether a group follows in which alone they hold.
  private mutating func takeOptions() throws -> Bool {
    var isOn = true
    while let scalar = next {
      place += 1
      switch scalar {
      case "-": isOn = false
      case "i": options.ignoresCase = isOn
      case "m": options.dotTakesNewline = isOn
      case "x": options.isExtended = isOn
      case ":": return true
      case ")": return false
      default:
        place -= 1
        throw failure("a group of a kind that is not known")
      }
    }
    throw failure("a group without its end")
  }

  // MARK: Sets

  private mutating func bracket() throws -> ScalarSet {
    let isComplement = take("^")
    var sets: [ScalarSet] = []
    // A bracket that closes at once stands for itself.
    if next == "]", source[(place + 1)...].contains("]") {
      place += 1
      sets.append(.range(0x5D...0x5D))
    }
    while !take("]") {
      guard let scalar = next else { throw failure("a set without its end") }
      if take("&&") {
        let rest = try nested { try $0.bracket() }
        let whole = ScalarSet.intersection(.union(sets), rest)
        return isComplement ? .complement(whole) : whole
      }
      if scalar == "[" {
        if let named = try posixBracket() {
          sets.append(named)
          continue
        }
        place += 1
        sets.append(try nested { try $0.bracket() })
        continue
      }
      let low = scalar == "\\" ? try escape() : single()
      guard case .range(let from) = low, from.count == 1, next == "-", place + 1 < source.count,
        source[place + 1] != "]"
      else {
        sets.append(low)
        continue
      }
      place += 1
      guard let start = next, start != "[" else { throw failure("a range without its end") }
      let high = start == "\\" ? try escape() : single()
      guard case .range(let to) = high, to.count == 1, from.lowerBound <= to.upperBound else {
        throw failure("a range without its end")
      }
      sets.append(.range(from.lowerBound...to.upperBound))
    }
    return isComplement ? .complement(.union(sets)) : .union(sets)
  }

  /// A set such as `[:alpha:]` or `[:^alpha:]` inside of brackets.
  private mutating func posixBracket() throws -> ScalarSet? {
    guard take("[:") else { return nil }
    let isComplement = take("^")
    var name = ""
    while let scalar = next, scalar.isASCII, scalar.properties.isAlphabetic {
      name.unicodeScalars.append(scalar)
      place += 1
    }
    guard take(":]"), let set = ScalarSet.named(name) else {
      throw failure("the POSIX bracket \(name.excerpt), which is not known")
    }
    return isComplement ? .complement(set) : set
  }

  private mutating func single() -> ScalarSet {
    let value = source[place].value
    place += 1
    return .range(value...value)
  }

  private mutating func escape() throws -> ScalarSet {
    place += 1
    guard let scalar = next else { throw failure("a backslash at its end") }
    place += 1
    func one(_ value: UInt32) -> ScalarSet { .range(value...value) }
    let hexadecimal = ScalarSet.union([
      .range(0x30...0x39), .range(0x41...0x46), .range(0x61...0x66),
    ])
    switch scalar {
    case "s": return .whitespace
    case "S": return .complement(.whitespace)
    case "d": return .category("Nd")
    case "D": return .complement(.category("Nd"))
    case "w": return .word
    case "W": return .complement(.word)
    case "h": return hexadecimal
    case "H": return .complement(hexadecimal)
    case "n": return one(10)
    case "r": return one(13)
    case "t": return one(9)
    case "f": return one(12)
    case "v": return one(11)
    case "a": return one(7)
    case "e": return one(27)
    case "p", "P":
      guard take("{") else { throw failure("a property without its name") }
      let isComplement = (scalar == "P") != take("^")
      var name = ""
      while let scalar = next, scalar != "}", name.utf8.count < 100 {
        name.unicodeScalars.append(scalar)
        place += 1
      }
      guard take("}"), let set = ScalarSet.named(name) else {
        throw failure("the property \(name.excerpt), which is not known")
      }
      return isComplement ? .complement(set) : set
    case "x", "u":
      let isBraced = take("{")
      var digits = ""
      while let digit = next, digits.utf8.count < (isBraced ? 8 : scalar == "u" ? 4 : 2),
        digit.properties.isASCIIHexDigit
      {
        digits.unicodeScalars.append(digit)
        place += 1
      }
      guard let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil,
        !isBraced || take("}")
      else { throw failure("a character without its number") }
      return one(value)
    case "b" where depth > 0: return one(8)
    default:
      guard !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) else {
        throw failure("\\\(scalar), which is not known")
      }
      return one(scalar.value)
    }
  }
}
