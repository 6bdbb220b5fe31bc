// Patterns as programs.

/// Writes the program of a pattern.
struct PatternWriter {
  private var program: [Pattern.Instruction] = []
  private var sets: [ScalarSet] = []
  private var indexOfSet: [ScalarSet: Int] = [:]
  /// The loops around what is written whose bodies may take nothing, as far as they are in the same group that runs
  /// by itself.
  private var loops: Range<Int8> = 0..<0
  private var slotCount = 0
  private var stateCount = 0
  private var severalCount = 0

  private static let longest = 20_000

  mutating func program(of node: PatternNode, of source: String) throws -> PatternProgram {
    do {
      try write(node)
      try write(.accept)
    } catch let error as TooLong {
      throw TokenizerError("The pattern \(source.excerpt) \(error.reason).")
    }
    return PatternProgram(
      instructions: program, sets: sets.map(ScalarTable.init), slotCount: slotCount,
      stateCount: stateCount, severalCount: severalCount)
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

  private mutating func fork(_ first: Int, _ second: Int) -> Pattern.Instruction {
    defer { stateCount += loops.count + 1 }
    return .fork(Pattern.Fork(first: first, second: second, state: stateCount, loops: loops))
  }

  private mutating func write(_ node: PatternNode) throws {
    switch node {
    case .set(let set): try write(.one(index(set)))
    case .sequence(let nodes): for node in nodes { try write(node) }
    case .anchor(let anchor): try write(Pattern.Instruction.anchor(anchor))
    case .choice(let branches): try write(branches)
    case .several(.set(let set), let least, let most, let greed):
      let several = Pattern.Several(
        set: index(set), least: least, most: most, greed: greed, index: severalCount, loops: loops)
      severalCount += 1
      try write(.several(several))
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
    let around = loops
    loops = loops.upperBound..<loops.upperBound
    try body(&self)
    loops = around
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
      let start = program.count
      if i + 1 < branches.count { try write(.fail) }
      try write(branch)
      guard i + 1 < branches.count else { break }
      ends.append(program.count)
      try write(.fail)
      program[start] = fork(start + 1, program.count)
    }
    for end in ends { program[end] = .jump(program.count) }
  }

  private mutating func repeated(_ node: PatternNode, _ least: Int, _ most: Int, isLazy: Bool)
    throws
  {
    for _ in 0..<least {
      let start = program.count
      try write(node)
      // What is nothing is nothing however often it comes.
      if program.count == start { break }
    }
    if most == .max {
      let loop = program.count
      try write(.fail)
      if node.mayBeEmpty {
        try writeRounds(node)
      } else {
        try write(node)
      }
      try write(.jump(loop))
      program[loop] =
        isLazy ? fork(program.count, loop + 1) : fork(loop + 1, program.count)
    } else {
      var forks: [Int] = []
      for _ in least..<most {
        let start = program.count
        try write(.fail)
        try write(node)
        if program.count == start + 1 {
          program.removeLast()
          break
        }
        forks.append(start)
      }
      for place in forks {
        program[place] =
          isLazy ? fork(program.count, place + 1) : fork(place + 1, program.count)
      }
    }
  }

  /// The body of a loop that may take nothing: a round that has taken nothing is the last.
  private mutating func writeRounds(_ node: PatternNode) throws {
    let around = loops
    let slot = Int(loops.upperBound)
    slotCount = max(slotCount, slot + 1)
    try write(.round(slot: slot))
    loops = loops.lowerBound..<loops.upperBound + 1
    try write(node)
    loops = around
    // The exit lies behind the jump that follows.
    try write(.roundEnd(slot: slot, exit: program.count + 2))
  }

  /// Looks behind: branches may have lengths of their own, each a fixed one.
  private mutating func behind(_ node: PatternNode, isNegative: Bool) throws {
    let branches = PatternNode.fixedLengths(of: node)?.map { ($0, $0.length) } ?? [(node, nil)]
    func look(_ branch: (PatternNode, Int?)) throws -> (inout PatternWriter) throws -> Void {
      guard let length = branch.1 else {
        throw TooLong(reason: "looks behind at what has too many lengths")
      }
      return { writer in
        try writer.enclosed(.look(isNegative: isNegative, behind: length)) {
          try $0.write(branch.0)
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
      let start = program.count
      try write(.fail)
      try look(branch)(&self)
      ends.append(program.count)
      try write(.fail)
      program[start] = fork(start + 1, program.count)
    }
    try write(.fail)
    for end in ends { program[end] = .jump(program.count) }
  }
}
