// Brackets and escapes of regular expressions.

extension PatternParser {
  // MARK: Brackets

  /// A set behind its opening bracket; case is a matter of the whole set.
  mutating func bracket(isInner: Bool) throws -> ScalarSet {
    let isComplement = take("^")
    var sets: [ScalarSet] = []
    /// What stands before the last `&&`.
    var before: ScalarSet?
    // A bracket that closes at once stands for itself.
    if next == "]", source[(place + 1)...].contains("]") {
      place += 1
      sets.append(.one(0x5D))
    }
    while !take("]") {
      if take("&&") {
        before = .union(sets).intersected(with: before)
        sets = []
      } else {
        sets.append(try member())
      }
    }
    var whole = ScalarSet.union(sets).intersected(with: before)
    if options.ignoresCase, !isInner { whole = .anyCase(whole) }
    return isComplement ? .complement(whole) : whole
  }

  /// A set inside of brackets, a scalar, or a range.
  private mutating func member() throws -> ScalarSet {
    guard let scalar = next else { throw failure("a set without its end") }
    if scalar == "[" {
      if let named = try posixBracket() { return named }
      place += 1
      return try nested { try $0.bracket(isInner: true) }
    }
    let low = try single()
    guard case .range(let from) = low, from.count == 1, next == "-", place + 1 < source.count,
      source[place + 1] != "]"
    else { return low }
    place += 1
    guard next != "[", case .range(let to) = try single(), to.count == 1,
      from.lowerBound <= to.upperBound
    else { throw failure("a range without its end") }
    return .range(from.lowerBound...to.upperBound)
  }

  private mutating func single() throws -> ScalarSet {
    guard let scalar = next else { throw failure("a set without its end") }
    if scalar != "\\" {
      place += 1
      return .one(scalar.value)
    }
    place += 1
    if take("b") { return .one(8) }
    guard let set = try classEscape() else { return .one(try scalarEscape(isInBracket: true)) }
    return set
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
    // Symbols are punctuation to POSIX.
    let known =
      name == "punct" ? .union([.category("P"), .category("S")]) : ScalarSet.named(name)
    guard take(":]"), let set = known else {
      throw failure("the POSIX bracket \(name.excerpt), which is not known")
    }
    return isComplement ? .complement(set) : set
  }

  // MARK: Escapes

  /// An escape outside of brackets.
  mutating func escape() throws -> PatternNode {
    place += 1
    let anchors: [Unicode.Scalar: Pattern.Anchor] = [
      "A": .textStart, "z": .textEnd, "Z": .textEndOrLastNewline, "b": .wordEdge, "B": .noWordEdge,
    ]
    if let scalar = next, let anchor = anchors[scalar] {
      place += 1
      return .anchor(anchor)
    }
    if take("R") {
      let newline = PatternNode.sequence([.set(.one(13)), .set(.one(10))])
      let others = ScalarSet.union([.range(10...13), .one(0x85), .range(0x2028...0x2029)])
      return .atomic(.choice([newline, .set(others)]))
    }
    if take("N") { return .set(.complement(.one(10))) }
    if take("O") { return .set(.any) }
    // Outside of brackets the fractions and raised digits of Latin-1 are of words.
    if take("w") { return .set(.patternWord) }
    if take("W") { return .set(.complement(.patternWord)) }
    if let set = try classEscape() { return .set(set) }
    return literal(Unicode.Scalar(try scalarEscape(isInBracket: false)) ?? "\u{FFFD}")
  }

  /// An escape that names a set; nil for one of a single scalar.
  private mutating func classEscape() throws -> ScalarSet? {
    guard let scalar = next else { throw failure("a backslash at its end") }
    place += 1
    switch scalar {
    case "s": return .whitespace
    case "S": return .complement(.whitespace)
    case "d": return .category("Nd")
    case "D": return .complement(.category("Nd"))
    case "w": return .word
    case "W": return .complement(.word)
    case "h": return .hexadecimal
    case "H": return .complement(.hexadecimal)
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
    default:
      place -= 1
      return nil
    }
  }

  /// An escape of one scalar, behind its backslash.
  private mutating func scalarEscape(isInBracket: Bool) throws -> UInt32 {
    guard let scalar = next else { throw failure("a backslash at its end") }
    let controls: [Unicode.Scalar: UInt32] = [
      "n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "a": 7, "e": 27,
    ]
    place += 1
    if let control = controls[scalar] { return control }
    switch scalar {
    case "x" where take("{"):
      let value = number(radix: 16, most: 8)
      guard let value, Unicode.Scalar(value) != nil, take("}") else {
        throw failure("a character without its number")
      }
      return value
    case "x":
      guard let value = number(radix: 16, most: 2) else {
        throw failure("a character without its number")
      }
      return value < 0x80 ? value : try bytes(value)
    case "u":
      let start = place
      guard let value = number(radix: 16, most: 4), place == start + 4, Unicode.Scalar(value) != nil
      else { throw failure("a character without its number") }
      return value
    case "0"..."9":
      place -= 1
      let start = place
      let decimal = number(radix: 10, most: 6) ?? 0
      guard isInBracket || scalar == "0" || decimal > max(9, groupCount) else {
        throw failure("a reference to a group, which is not built,")
      }
      place = start
      guard let octal = number(radix: 8, most: 3) else { return try taken(scalar) }
      guard octal < 0x80 else { throw failure("a byte that is no character") }
      return octal
    default:
      guard !scalar.isASCII || !scalar.properties.isAlphabetic else {
        throw failure("\\\(scalar), which is not known")
      }
      return scalar.value
    }
  }

  private mutating func taken(_ scalar: Unicode.Scalar) throws -> UInt32 {
    place += 1
    return scalar.value
  }

  private mutating func number(radix: Int, most: Int) -> UInt32? {
    let start = place
    var value: UInt32 = 0
    while place < start + most, let scalar = next, let digit = Self.digit(scalar, radix) {
      value = value * UInt32(radix) + UInt32(digit)
      place += 1
    }
    return place > start ? value : nil
  }

  /// The scalar whose bytes are written one by one, as `\xC3\xA9`.
  private mutating func bytes(_ first: UInt32) throws -> UInt32 {
    var bytes = [UInt8(first)]
    while bytes.count < 4, String(validating: bytes, as: UTF8.self) == nil, take("\\x"),
      let next = number(radix: 16, most: 2)
    { bytes.append(UInt8(next)) }
    guard let scalar = String(validating: bytes, as: UTF8.self)?.unicodeScalars.first else {
      throw failure("bytes that are no character")
    }
    return scalar.value
  }
}

extension ScalarSet {
  static let hexadecimal = ScalarSet.union([
    .range(0x30...0x39), .range(0x41...0x46), .range(0x61...0x66),
  ])

  static let patternWord = ScalarSet.union([
    .word, .range(0xB2...0xB3), .one(0xB9), .range(0xBC...0xBE),
  ])

  static func one(_ value: UInt32) -> ScalarSet { .range(value...value) }

  fileprivate func intersected(with other: ScalarSet?) -> ScalarSet {
    other.map { .intersection($0, self) } ?? self
  }
}
