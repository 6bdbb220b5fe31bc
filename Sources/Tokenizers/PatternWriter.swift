// Patterns as programs.

/// Writes the program of a pattern.
struct PatternWriter {
  private var program: [Pattern.Instruction] = []
  private(set) var sets: [ScalarSet] = []
  private var indexOfSet: [ScalarSet: Int] = [:]

  private static let longest = 20_000

  mutating func program(of node: PatternNode, of source: String) throws -> [Pattern.Instruction] {
    do {
      try write(node)
      try write(.accept)
    } catch let error as TooLong {
      throw TokenizerError("The pattern \(source.excerpt) \(error.reason).")
    }
    return program
  }

  private struct TooLong: Error { let reason: String }

  private mutating func write(_ instruction: Pattern.Instruction) throws {
    guard program.count < Self.longest else {
      throw TooLong(reason: "repeats so much that it has more than \(Self.longest) steps")
    }
    program.append(instruction)
  }

  private mutating func index(_ set: ScalarSet) -> Int {
    if let known = indexOfSet[set] { return known }
    sets.append(set)
    indexOfSet[set] = sets.count - 1
    return sets.count - 1
  }

  private mutating func write(_ node: PatternNode) throws {
    switch node {
    case .set(let set): try write(.one(index(set)))
    case .sequence(let nodes): for node in nodes { try write(node) }
    case .anchor(let anchor): try write(Pattern.Instruction.anchor(anchor))
    case .choice(let branches): try write(branches)
    case .several(.set(let set), let least, let most, let greed):
      try write(.several(index(set), least: least, most: most, greed))
    case .several(let node, let least, let most, .possessive):
      try enclosed(.atomic) {
        try $0.write(.several(node, least: least, most: most, .greedy))
      }
    case .several(let node, let least, let most, let greed):
      try repeated(node, least, most, isLazy: greed == .lazy)
    case .atomic(let node): try enclosed(.atomic) { try $0.write(node) }
    case .look(let node, let isNegative, let isBehind):
      guard isBehind else {
        try enclosed(.look(isNegative: isNegative, behind: 0)) { try $0.write(node) }
        return
      }
      try behind(node, isNegative: isNegative)
    }
  }

  /// What a part of the program that runs by itself is there for.
  private enum Enclosure {
    case atomic
    case look(isNegative: Bool, behind: Int)
  }

  /// A part of the program that runs by itself, up to an `accept`, under an instruction that knows its end.
  private mutating func enclosed(
    _ enclosure: Enclosure, _ body: (inout PatternWriter) throws -> Void
  ) throws {
    let place = program.count
    try write(.fail)
    try body(&self)
    try write(.accept)
    let end = program.count
    switch enclosure {
    case .atomic: program[place] = .atomic(end: end)
    case .look(let isNegative, let behind):
      program[place] = .look(isNegative: isNegative, behind: behind, end: end)
    }
  }

  /// Branches, tried in order.
  private mutating func write(_ branches: [PatternNode]) throws {
    var ends: [Int] = []
    for (i, branch) in branches.enumerated() {
      let fork = program.count
      if i + 1 < branches.count { try write(.fail) }
      try write(branch)
      guard i + 1 < branches.count else { break }
      ends.append(program.count)
      try write(.fail)
      program[fork] = .fork(fork + 1, program.count)
    }
    for end in ends { program[end] = .jump(program.count) }
  }

  private mutating func repeated(_ node: PatternNode, _ least: Int, _ most: Int, isLazy: Bool)
    throws
  {
    for _ in 0..<least { try write(node) }
    func fork(_ into: Int, _ past: Int) -> Pattern.Instruction {
      isLazy ? .fork(past, into) : .fork(into, past)
    }
    if most == .max {
      let loop = program.count
      try write(.fail)
      try write(node)
      try write(.jump(loop))
      program[loop] = fork(loop + 1, program.count)
    } else {
      var forks: [Int] = []
      for _ in least..<most {
        forks.append(program.count)
        try write(.fail)
        try write(node)
      }
      for place in forks { program[place] = fork(place + 1, program.count) }
    }
  }

  /// Looks behind: branches may have lengths of their own, each a fixed one.
  private mutating func behind(_ node: PatternNode, isNegative: Bool) throws {
    let branches = if case .choice(let branches) = node { branches } else { [node] }
    func look(_ branch: PatternNode) throws -> (inout PatternWriter) throws -> Void {
      guard let length = Self.length(branch), length > 0 else {
        throw TooLong(reason: "looks behind at what has no fixed length")
      }
      return { writer in
        try writer.enclosed(.look(isNegative: isNegative, behind: length)) {
          try $0.write(branch)
        }
      }
    }
    // None of them is there; or the first that is.
    if isNegative || branches.count == 1 {
      for branch in branches { try look(branch)(&self) }
      return
    }
    var ends: [Int] = []
    for branch in branches {
      let fork = program.count
      try write(.fail)
      try look(branch)(&self)
      ends.append(program.count)
      try write(.fail)
      program[fork] = .fork(fork + 1, program.count)
    }
    try write(.fail)
    for end in ends { program[end] = .jump(program.count) }
  }

  /// How many scalars a node takes, where that is always the same.
  private static func length(_ node: PatternNode) -> Int? {
    switch node {
    case .set: return 1
    case .anchor, .look: return 0
    case .atomic(let node): return length(node)
    case .sequence(let nodes):
      return nodes.reduce(Optional(0)) { sum, node in
        guard let sum, let length = length(node) else { return nil }
        return sum + length
      }
    case .choice(let branches):
      let lengths = Set(branches.map(length))
      return lengths.count == 1 ? lengths.first ?? nil : nil
    case .several(let node, let least, let most, _):
      guard least == most, let length = length(node) else { return nil }
      return length.multipliedReportingOverflow(by: least).partialValue
    }
  }
}
