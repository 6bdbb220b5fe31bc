// A pattern at work on one text.

/// Runs a pattern's program on a text, with what is remembered of it.
struct PatternRun {
  typealias Text = UnsafeBufferPointer<Unicode.Scalar>

  /// Where to go on when a try has failed.
  private enum Choice {
    /// An instruction and a place; how long `trail` was.
    case fork(Int, Int, trailCount: Int)
    /// A repetition that can give back or take more: the instruction behind it, the count tried now, the last one.
    case several(Pattern.Several, next: Int, tried: Int, last: Int, trailCount: Int)
    /// Where the round of a loop began before.
    case round(slot: Int, Int)
  }

  private let program: [Pattern.Instruction]
  private let sets: [ScalarTable]
  private let text: Text
  private let source: String

  private var choices: [Choice] = []
  /// Where the round of each loop began.
  private var rounds: [Int]
  private var memory = PatternMemory()
  /// States that are not known to have failed yet, in order.
  private var trail: [Int] = []
  /// Steps over the whole text.
  private var steps = 0
  private let stepLimit: Int
  /// From so many steps on, states are remembered.
  private var patience = 0

  private static let mostChoices = 1 << 23

  init(_ program: PatternProgram, _ text: Text, _ source: String) {
    self.program = program.instructions
    sets = program.sets
    self.text = text
    self.source = source
    rounds = Array(repeating: -1, count: program.slotCount)
    stepLimit = WorkLimit.steps(on: text.count)
  }

  private var exhausted: TokenizerError {
    TokenizerError(
      "The pattern \(source.excerpt) takes too many steps on a text of \(text.count) characters.")
  }

  /// Where a match from `place` on ends, if there is one.
  mutating func match(from place: Int) throws -> Int? {
    // A text may take a number of steps for each scalar before anything is remembered.
    patience = 2000 + 64 * place
    choices.removeAll(keepingCapacity: true)
    trail.removeAll(keepingCapacity: true)
    return try run(from: place, at: 0, isInner: false)
  }

  private mutating func run(from start: Int, at first: Int, isInner: Bool) throws -> Int? {
    let (base, trailStart) = (choices.count, trail.count)
    var (place, next) = (start, first)
    while true {
      var fails = false
      var accepted: Int?
      switch program[next] {
      case .one(let set):
        fails = !(place < text.count && sets[set].contains(text[place]))
        (place, next) = (place + 1, next + 1)
      case .several(let several):
        if let taken = take(several, from: place, next: next + 1) {
          (place, next) = (taken, next + 1)
        } else {
          fails = true
        }
      case .fork(let fork):
        steps += 1
        if steps > patience {
          switch visit(fork, place) {
          case .nothing: break
          case .fails: fails = true
          case .ends(let end): accepted = end
          }
        }
        if !fails, accepted == nil {
          choices.append(.fork(fork.second, place, trailCount: trail.count))
          next = fork.first
        }
      case .jump(let to): next = to
      case .round(let slot):
        choices.append(.round(slot: slot, rounds[slot]))
        rounds[slot] = place
        next += 1
      case .roundEnd(let slot, let exit): next = rounds[slot] == place ? exit : next + 1
      case .look(let isNegative, let behind, let end):
        let found =
          place >= behind
          ? try run(from: place - behind, at: next + 1, isInner: true) != nil : false
        fails = found == isNegative
        next = end
      case .atomic(let end):
        if let taken = try run(from: place, at: next + 1, isInner: true) {
          (place, next) = (taken, end)
        } else {
          fails = true
        }
      case .anchor(let anchor):
        fails = !holds(anchor, at: place)
        next += 1
      case .fail: fails = true
      case .accept: accepted = place
      }
      if let accepted {
        finish(accepted, trailStart, isInner: isInner)
        choices.removeLast(choices.count - base)
        return accepted
      }
      if fails {
        guard let other = try nextChoice(above: base) else {
          trail.removeLast(trail.count - trailStart)
          return nil
        }
        (next, place) = other
      }
      if steps > stepLimit || choices.count > Self.mostChoices { throw exhausted }
    }
  }

  /// What is on the way that succeeded has not failed.
  private mutating func finish(_ place: Int, _ trailStart: Int, isInner: Bool) {
    guard trail.count > trailStart else { return }
    for state in trail[trailStart...] {
      if isInner { memory.note(state, endsAt: place) } else { memory.clear(state) }
    }
    trail.removeLast(trail.count - trailStart)
  }

  private mutating func visit(_ fork: Pattern.Fork, _ place: Int) -> PatternMemory.Knowledge {
    var state = fork.state
    for slot in fork.loops where rounds[Int(slot)] == place { state += 1 }
    state = state * (text.count + 1) + place
    let known = memory.visit(state)
    if case .nothing = known { trail.append(state) }
    return known
  }

  /// Where a repetition of one set leads to first; nil where it fails.
  private mutating func take(_ several: Pattern.Several, from place: Int, next: Int) -> Int? {
    let table = sets[several.set]
    let limit = several.most < text.count - place ? place + several.most : text.count
    let remembers = steps > patience
    var end = place
    if remembers {
      // Text that is known to be of the set is not looked at again.
      let known = memory[several].taken
      let gap = min(limit, max(place, known.lowerBound))
      while end < gap, table.contains(text[end]) { end += 1 }
      steps += (end - place) / 8
      if end == gap, known.contains(end) { end = min(limit, known.upperBound) }
    }
    let known = end
    while end < limit, table.contains(text[end]) { end += 1 }
    steps += (end - known) / 8
    if remembers, end - place > 16, !memory[several].taken.contains(place) || end > known {
      memory[several].taken = place..<end
    }
    let shortest = place + several.least
    guard end >= shortest else { return nil }
    if several.greed == .possessive { return end }
    let isLazy = several.greed == .lazy
    var first = isLazy ? shortest : end
    let last = isLazy ? end : shortest
    if remembers, let skipped = untried(several, first, last) {
      first = skipped
    } else if remembers {
      return nil
    }
    if first != last || remembers {
      choices.append(
        .several(several, next: next, tried: first, last: last, trailCount: trail.count))
    }
    return first
  }

  /// The first place on the way from one to another from which the rest is not known to fail.
  private func untried(_ several: Pattern.Several, _ first: Int, _ last: Int) -> Int? {
    let failed = memory[several].failed
    guard failed.contains(first), hasTaken(several, at: first) else { return first }
    if several.greed == .lazy { return failed.upperBound > last ? nil : failed.upperBound }
    // Where a round has taken nothing, the rest is another one.
    let start = several.loops.last.map { rounds[Int($0)] } ?? -1
    let place = max(failed.lowerBound - 1, start)
    return place < last ? nil : place
  }

  /// Whether the rounds of all loops around have taken something when a repetition has come to a place, so that what
  /// follows depends on the place alone.
  private func hasTaken(_ several: Pattern.Several, at place: Int) -> Bool {
    several.loops.isEmpty || rounds[Int(several.loops.upperBound) - 1] < place
  }

  /// Where to go on after a failure.
  private mutating func nextChoice(above base: Int) throws -> (instruction: Int, place: Int)? {
    while choices.count > base, let choice = choices.popLast() {
      steps += 1
      switch choice {
      case .round(let slot, let place): rounds[slot] = place
      case .fork(let instruction, let place, let trailCount):
        // All that was tried since the choice was made has failed for good.
        trail.removeLast(trail.count - trailCount)
        return (instruction, place)
      case .several(let several, let next, let tried, let last, let trailCount):
        trail.removeLast(trail.count - trailCount)
        let remembers = steps > patience
        if remembers, hasTaken(several, at: tried) { memory[several].fail(at: tried) }
        guard tried != last else { continue }
        var place = several.greed == .lazy ? tried + 1 : tried - 1
        if remembers {
          guard let other = untried(several, place, last) else { continue }
          place = other
        }
        if place != last || remembers {
          choices.append(
            .several(several, next: next, tried: place, last: last, trailCount: trailCount))
        }
        return (next, place)
      }
    }
    return nil
  }

  // MARK: Anchors

  private func holds(_ anchor: Pattern.Anchor, at place: Int) -> Bool {
    switch anchor {
    case .textStart: return place == 0
    case .textEnd: return place == text.count
    case .textEndOrLastNewline:
      return place == text.count || place == text.count - 1 && text[place] == "\n"
    case .lineStart:
      return place == 0 || place < text.count && text[place - 1] == "\n"
    case .lineEnd: return place == text.count || text[place] == "\n"
    case .wordEdge, .noWordEdge:
      let before = place > 0 && text[place - 1].isPatternWord
      let after = place < text.count && text[place].isPatternWord
      return (before != after) == (anchor == .wordEdge)
    }
  }
}

extension String {
  /// The beginning of a long text, for a sentence.
  var excerpt: String {
    let scalars = unicodeScalars
    return scalars.count <= 60 ? self : String(String.UnicodeScalarView(scalars.prefix(57))) + "..."
  }
}
