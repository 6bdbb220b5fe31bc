// A template in pieces: text, expressions, statements.

/// The pieces of a Jinja template, with the white space settled as `transformers` has it
/// (`trim_blocks`, `lstrip_blocks`).
struct TemplateLexer {
  enum Token: Sendable, Equatable {
    case name(String)
    case text(String)
    case number(String)
    /// An operator or a bracket.
    case symbol(String)
  }

  enum Piece: Sendable {
    case text(Scalars)
    case expression([Token], line: Int)
    case statement([Token], line: Int)
  }

  fileprivate let source: [Unicode.Scalar]
  fileprivate var place = 0

  static func pieces(of template: String) throws -> [Piece] {
    // Ends of lines as Jinja has them: whichever they are, they become newlines.
    var source: [Unicode.Scalar] = []
    source.reserveCapacity(template.utf8.count)
    var previousWasReturn = false
    for scalar in template.unicodeScalars {
      if !(scalar == "\n" && previousWasReturn) { source.append(scalar == "\r" ? "\n" : scalar) }
      previousWasReturn = scalar == "\r"
    }
    if source.last == "\n" { source.removeLast() }
    var lexer = TemplateLexer(source: source)
    return try lexer.pieces()
  }

  private init(source: [Unicode.Scalar]) { self.source = source }

  /// The line of the place, counted on from the place where it was asked for last.
  private var line: Int {
    mutating get {
      counted.line += source[counted.place..<place].count { $0 == "\n" }
      counted.place = place
      return counted.line
    }
  }
  private var counted = (place: 0, line: 1)

  private func starts(_ text: StaticString, at index: Int) -> Bool {
    let count = text.utf8CodeUnitCount
    guard index + count <= source.count else { return false }
    for place in 0..<count where source[index + place].value != UInt32(text.utf8Start[place]) {
      return false
    }
    return true
  }

  /// What opens a piece here: two characters and the two that close it.
  private var opening: (kind: Unicode.Scalar, end: StaticString)? {
    guard source[place] == "{", place + 1 < source.count else { return nil }
    switch source[place + 1] {
    case "{": return ("{", "}}")
    case "%": return ("%", "%}")
    case "#": return ("#", "#}")
    default: return nil
    }
  }

  private mutating func pieces() throws -> [Piece] {
    var pieces: [Piece] = []
    var text: [Unicode.Scalar] = []
    while place < source.count {
      guard let (kind, end) = opening else {
        text.append(source[place])
        place += 1
        continue
      }
      let sign = place + 2 < source.count ? source[place + 2] : " "
      if sign == "-" {
        while text.last?.isPythonSpace == true { text.removeLast() }
      } else if kind != "{", sign != "+" {
        // White space between the line's start and a statement goes.
        let indent = text.reversed().prefix { $0.isPythonSpace && $0 != "\n" }.count
        if place == indent || source[place - indent - 1] == "\n" { text.removeLast(indent) }
      }
      let first = line
      place += sign == "-" || sign == "+" ? 3 : 2
      let tokens = kind == "#" ? try skipComment(first) : try tokens(until: end, first)
      if !text.isEmpty { pieces.append(.text(text)) }
      text = []
      if kind == "{" { pieces.append(.expression(tokens, line: first)) }
      if kind == "%" { pieces.append(.statement(tokens, line: first)) }
      if source[place] == "-" {
        place += 3
        while place < source.count, source[place].isPythonSpace { place += 1 }
      } else {
        place += source[place] == "+" ? 3 : 2
        if kind != "{", place < source.count, source[place] == "\n" { place += 1 }
      }
    }
    if !text.isEmpty { pieces.append(.text(text)) }
    return pieces
  }

  /// Whether the piece that is read ends here, perhaps with a sign.
  private func isEnd(_ end: StaticString) -> Bool {
    switch source[place] {
    case "-": starts(end, at: place + 1)
    // An expression has no such end: a + before it has nothing to add.
    case "+": end.utf8Start[0] != UInt8(ascii: "}") && starts(end, at: place + 1)
    default: starts(end, at: place)
    }
  }

  private mutating func skipComment(_ first: Int) throws -> [Token] {
    while place < source.count {
      if isEnd("#}") { return [] }
      place += 1
    }
    throw TemplateFailure("a comment does not end", line: first)
  }

  private mutating func tokens(until end: StaticString, _ first: Int) throws -> [Token] {
    var tokens: [Token] = []
    var depth = 0
    while place < source.count {
      let scalar = source[place]
      if depth == 0, isEnd(end) { return tokens }
      if scalar.isPythonSpace {
        place += 1
      } else if scalar == "'" || scalar == "\"" {
        tokens.append(.text(try quoted(scalar)))
      } else if scalar.properties.isXIDStart || scalar == "_" {
        let start = place
        while place < source.count, source[place].properties.isXIDContinue { place += 1 }
        tokens.append(.name(String(String.UnicodeScalarView(source[start..<place]))))
      } else if ("0"..."9").contains(scalar) {
        let start = place
        // Behind a point stands a place, such as in a.0.1.
        skipNumber(isPlace: tokens.last == .symbol("."))
        tokens.append(.number(String(String.UnicodeScalarView(source[start..<place]))))
      } else {
        let symbol = self.symbol
        switch scalar {
        case "(", "[", "{": depth += 1
        case ")", "]", "}": depth -= 1
        default: break
        }
        tokens.append(.symbol(symbol))
        place += symbol.unicodeScalars.count
      }
    }
    throw TemplateFailure("a {{ or {% does not end", line: first)
  }

  /// The operator or bracket here, of one character or two.
  private var symbol: String {
    if place + 1 < source.count {
      switch (source[place], source[place + 1]) {
      case ("/", "/"), ("*", "*"), ("=", "="), ("!", "="), ("<", "="), (">", "="):
        return Array(source[place...place + 1]).text
      default: break
      }
    }
    return String(source[place])
  }

  /// Goes past a number: digits, perhaps of another base, a fraction, an exponent.
  private mutating func skipNumber(isPlace: Bool) {
    func isDigit(_ index: Int) -> Bool {
      index < source.count && ("0"..."9").contains(source[index])
    }
    if source[place] == "0", place + 1 < source.count,
      "xXoObB".unicodeScalars.contains(source[place + 1])
    {
      place += 2
      while place < source.count, source[place].properties.isASCIIHexDigit || source[place] == "_" {
        place += 1
      }
      return
    }
    func skipDigits() {
      while isDigit(place) || place < source.count && source[place] == "_" && isDigit(place + 1) {
        place += 1
      }
    }
    skipDigits()
    guard !isPlace else { return }
    if place < source.count, source[place] == ".", isDigit(place + 1) {
      place += 1
      skipDigits()
    }
    guard place < source.count, source[place] == "e" || source[place] == "E" else { return }
    let isSigned =
      place + 1 < source.count && (source[place + 1] == "-" || source[place + 1] == "+")
    guard isDigit(place + (isSigned ? 2 : 1)) else { return }
    place += isSigned ? 2 : 1
    skipDigits()
  }

  private mutating func quoted(_ quote: Unicode.Scalar) throws -> String {
    let first = line
    var text = String.UnicodeScalarView()
    place += 1
    while place < source.count, source[place] != quote {
      if source[place] == "\\", place + 1 < source.count {
        place += 1
        text.append(contentsOf: try escaped())
      } else {
        text.append(source[place])
      }
      place += 1
    }
    guard place < source.count else { throw TemplateFailure("a text does not end", line: first) }
    place += 1
    return String(text)
  }
}

extension TemplateLexer {
  /// What stands for a backslash and the character here, as in Python's literals; a line's end that is
  /// escaped is none. Leaves the place at the escape's last character.
  fileprivate mutating func escaped() throws -> [Unicode.Scalar] {
    let scalar = source[place]
    switch scalar {
    case "\n": return []
    case "n": return ["\n"]
    case "t": return ["\t"]
    case "r": return ["\r"]
    case "a": return ["\u{7}"]
    case "b": return ["\u{8}"]
    case "f": return ["\u{C}"]
    case "v": return ["\u{B}"]
    case "\\", "'", "\"": return [scalar]
    case "x", "u", "U":
      let count = scalar == "x" ? 2 : scalar == "u" ? 4 : 8
      let digits = source[(place + 1)...].prefix(count)
      guard digits.count == count, digits.allSatisfy(\.properties.isASCIIHexDigit),
        let value = UInt32(Array(digits).text, radix: 16), let character = Unicode.Scalar(value)
      else { throw TemplateFailure("an escape in a text stands for no character", line: line) }
      place += count
      return [character]
    case "0"..."7":
      let digits = source[place...].prefix(3).prefix { ("0"..."7").contains($0) }
      place += digits.count - 1
      return [UInt32(Array(digits).text, radix: 8).flatMap(Unicode.Scalar.init) ?? "\u{FFFD}"]
    case "N": throw TemplateFailure("the escape \\N is not built", line: line)
    default: return ["\\", scalar]
    }
  }
}

/// What is wrong with a template, or what it says is wrong with its input.
struct TemplateFailure: Error {
  let reason: String
  let line: Int

  init(_ reason: String, line: Int) {
    self.reason = reason
    self.line = line
  }
}
