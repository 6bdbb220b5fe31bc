// Regular expressions into programs.

/// Reads the notation of Oniguruma, as far as tokenizers use it; the rest is an error that names it.
struct PatternCompiler {
  private indirect enum Node {
    case set(ScalarSet)
    case sequence([Node])
    case choice([Node])
    case several(Node, least: Int, most: Int, Pattern.Greed)
    case look(Node, isNegative: Bool, isBehind: Bool)
    case start
    case end
  }

  private let source: Scalars
  private var place = 0
  private var depth = 0
  private var ignoresCase = false
  private var program: [Pattern.Instruction] = []
  private(set) var sets: [ScalarSet] = []

  init(_ source: String) { self.source = Scalars(source) }

  mutating func compile() throws -> [Pattern.Instruction] {
    let node = try choice()
    guard place == source.count else { throw failure("a closing parenthesis without its opening") }
    emit(node)
    program.append(.accept)
    return program
  }

  private func failure(_ what: String) -> TokenizerError {
    TokenizerError("The pattern \(source.text) has \(what) at character \(place).")
  }

  // MARK: Reading

  private var next: Unicode.Scalar? { place < source.count ? source[place] : nil }

  private mutating func take(_ text: String) -> Bool {
    let wanted = Scalars(text)
    guard source[place...].starts(with: wanted) else { return false }
    place += wanted.count
    return true
  }

  private mutating func choice() throws -> Node {
    depth += 1
    defer { depth -= 1 }
    guard depth < 50 else { throw failure("groups nested too deeply") }
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence() throws -> Node {
    var nodes: [Node] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      nodes.append(try repeated(try atom()))
    }
    return .sequence(nodes)
  }

  private mutating func repeated(_ node: Node) throws -> Node {
    var node = node
    while true {
      let (least, most): (Int, Int)
      if take("*") {
        (least, most) = (0, .max)
      } else if take("+") {
        (least, most) = (1, .max)
      } else if take("?") {
        (least, most) = (0, 1)
      } else if next == "{", let bounds = bounds() {
        (least, most) = bounds
      } else {
        return node
      }
      guard least <= most, least <= 1000, most == .max || most <= 1000 else {
        throw failure("a repetition out of range")
      }
      let greed: Pattern.Greed = take("?") ? .lazy : take("+") ? .possessive : .greedy
      if case .set = node {
      } else if Self.mayBeEmpty(node) && most == .max || greed == .possessive {
        throw failure("a repetition of a group that is not built")
      }
      node = .several(node, least: least, most: most, greed)
    }
  }

  private static func mayBeEmpty(_ node: Node) -> Bool {
    switch node {
    case .set: false
    case .sequence(let nodes): nodes.allSatisfy(mayBeEmpty)
    case .choice(let branches): branches.contains(where: mayBeEmpty)
    case .several(let node, let least, _, _): least == 0 || mayBeEmpty(node)
    case .look, .start, .end: true
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
    while let scalar = next, ("0"..."9").contains(scalar), digits.count < 9 {
      digits.unicodeScalars.append(scalar)
      place += 1
    }
    return Int(digits)
  }

  private mutating func atom() throws -> Node {
    guard let scalar = next else { throw failure("its end where something is expected") }
    switch scalar {
    case "(": return try group()
    case "[":
      place += 1
      return .set(cased(try bracket()))
    case ".":
      place += 1
      return .set(.complement(.range(10...10)))
    case "^":
      place += 1
      return .start
    case "$":
      place += 1
      return .end
    case "\\": return .set(cased(try escape()))
    case "*", "+", "?": throw failure("a repetition of nothing")
    default:
      place += 1
      return .set(cased(.range(scalar.value...scalar.value)))
    }
  }

  private func cased(_ set: ScalarSet) -> ScalarSet { ignoresCase ? .anyCase(set) : set }

  private mutating func group() throws -> Node {
    let before = ignoresCase
    defer { ignoresCase = before }
    var wrap: (Node) -> Node = { $0 }
    if take("(?=") {
      wrap = { .look($0, isNegative: false, isBehind: false) }
    } else if take("(?!") {
      wrap = { .look($0, isNegative: true, isBehind: false) }
    } else if take("(?<=") {
      wrap = { .look($0, isNegative: false, isBehind: true) }
    } else if take("(?<!") {
      wrap = { .look($0, isNegative: true, isBehind: true) }
    } else if take("(?i:") {
      ignoresCase = true
    } else if !take("(?:") {
      guard !source[place...].starts(with: Scalars("(?")) else {
        throw failure("a group of a kind that is not known")
      }
      _ = take("(")
    }
    let node = wrap(try choice())
    guard take(")") else { throw failure("a group without its end") }
    if case .look(let inner, _, isBehind: true) = node, case .sequence(let nodes) = inner {
      guard nodes.count == 1, case .set = nodes[0] else {
        throw failure("a look behind at more than one character")
      }
    }
    return node
  }

  private mutating func bracket() throws -> ScalarSet {
    let isComplement = take("^")
    var sets: [ScalarSet] = []
    while !take("]") {
      guard let scalar = next else { throw failure("a set without its end") }
      if take("&&") {
        let whole = ScalarSet.intersection(.union(sets), try bracket())
        return isComplement ? .complement(whole) : whole
      }
      if scalar == "[" {
        guard !source[place...].starts(with: Scalars("[:")) else {
          throw failure("a POSIX bracket, which is not known")
        }
        place += 1
        sets.append(try bracket())
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
      let high = next == "\\" ? try escape() : single()
      guard case .range(let to) = high, to.count == 1, from.lowerBound <= to.upperBound else {
        throw failure("a range without its end")
      }
      sets.append(.range(from.lowerBound...to.upperBound))
    }
    return isComplement ? .complement(.union(sets)) : .union(sets)
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
    switch scalar {
    case "s": return .whitespace
    case "S": return .complement(.whitespace)
    case "d": return .category("Nd")
    case "D": return .complement(.category("Nd"))
    case "w": return .word
    case "W": return .complement(.word)
    case "n": return one(10)
    case "r": return one(13)
    case "t": return one(9)
    case "f": return one(12)
    case "v": return one(11)
    case "p", "P":
      guard take("{") else { throw failure("a property without its name") }
      let isComplement = (scalar == "P") != take("^")
      var name = ""
      while let scalar = next, scalar != "}" {
        name.unicodeScalars.append(scalar)
        place += 1
      }
      guard take("}"), let set = Self.property(name) else {
        throw failure("the property \(name), which is not known")
      }
      return isComplement ? .complement(set) : set
    case "x", "u":
      let isBraced = take("{")
      var digits = ""
      while let digit = next, digits.count < (isBraced ? 8 : scalar == "u" ? 4 : 2),
        digit.properties.isASCIIHexDigit
      {
        digits.unicodeScalars.append(digit)
        place += 1
      }
      guard let value = UInt32(digits, radix: 16), !isBraced || take("}") else {
        throw failure("a character without its number")
      }
      return one(value)
    default:
      guard !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) else {
        throw failure("\\\(scalar), which is not known")
      }
      return one(scalar.value)
    }
  }

  private static func property(_ name: String) -> ScalarSet? {
    let categories = [
      "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc",
      "Pd", "Ps",
      "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf",
      "Co", "Cn",
    ]
    if categories.contains(name) { return .category(name) }
    switch name {
    case "Han", "Script=Han":
      return .union(
        [
          0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005...0x3005, 0x3007...0x3007,
          0x3021...0x3029, 0x3038...0x303B, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFA6D,
          0xFA70...0xFAD9, 0x20000...0x2FA1D, 0x30000...0x323AF,
        ].map { .range($0) })
    default: return nil
    }
  }

  // MARK: Writing

  private mutating func index(_ set: ScalarSet) -> Int {
    if let known = sets.firstIndex(of: set) { return known }
    sets.append(set)
    return sets.count - 1
  }

  private mutating func emit(_ node: Node) {
    switch node {
    case .set(let set): program.append(.one(index(set)))
    case .sequence(let nodes): for node in nodes { emit(node) }
    case .start: program.append(.start)
    case .end: program.append(.end)
    case .choice(let branches):
      var ends: [Int] = []
      for (i, branch) in branches.enumerated() {
        let fork = program.count
        if i + 1 < branches.count { program.append(.jump(0)) }
        emit(branch)
        guard i + 1 < branches.count else { break }
        ends.append(program.count)
        program.append(.jump(0))
        program[fork] = .fork(fork + 1, program.count)
      }
      for end in ends { program[end] = .jump(program.count) }
    case .several(.set(let set), let least, let most, let greed):
      program.append(.several(index(set), least: least, most: most, greed))
    case .several(let node, let least, let most, let greed):
      for _ in 0..<least { emit(node) }
      func fork(_ into: Int, _ past: Int) -> Pattern.Instruction {
        greed == .lazy ? .fork(past, into) : .fork(into, past)
      }
      if most == .max {
        let loop = program.count
        program.append(.jump(0))
        emit(node)
        program.append(.jump(loop))
        program[loop] = fork(loop + 1, program.count)
      } else {
        var forks: [Int] = []
        for _ in least..<most {
          forks.append(program.count)
          program.append(.jump(0))
          emit(node)
        }
        for place in forks { program[place] = fork(place + 1, program.count) }
      }
    case .look(let node, let isNegative, let isBehind):
      let place = program.count
      program.append(.jump(0))
      emit(node)
      program.append(.accept)
      program[place] = .look(isNegative: isNegative, isBehind: isBehind, end: program.count)
    }
  }
}
