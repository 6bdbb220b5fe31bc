// A pattern at work on one text.

/// Runs a pattern's program on a text, with what is remembered of it.
struct PatternRun {
  typealias Text = UnsafeBufferPointer<Unicode.Scalar>

  /// Where to go on when a try has failed.
  private struct Choice {
    let instruction: Int
    var place: Int
    /// For a repetition that can give back or take more: the last place, and the step towards it.
    let last: Int
    let step: Int
    /// How long `trail` was.
    let trailCount: Int
  }

  private let program: [Pattern.Instruction]
  private let sets: [ScalarTable]
  private let text: Text
  private let source: String

  /// Steps back, over the whole text.
  private var steps = 0
  private let stepLimit: Int
  /// Pairs of instruction and place from which nothing matches, or that are on the way being tried: coming to one of
  /// these again is going in a circle.
  private var visited: Set<Int> = []
  /// The pairs that are not known to have failed yet, in order.
  private var trail: [Int] = []

  /// From so many steps on, pairs are remembered.
  private static let patience = 2000
  private static let mostRemembered = 1 << 22

  init(_ program: [Pattern.Instruction], _ sets: [ScalarTable], _ text: Text, _ source: String) {
    self.program = program
    self.sets = sets
    self.text = text
    self.source = source
    stepLimit = 500 * (text.count + 20_000)
  }

  /// Whether a pair was visited; it is from now on.
  private mutating func wasVisited(_ instruction: Int, _ place: Int) throws -> Bool {
    guard steps > Self.patience else { return false }
    let pair = instruction * (text.count + 1) + place
    guard visited.insert(pair).inserted else { return true }
    trail.append(pair)
    if visited.count > Self.mostRemembered { throw exhausted }
    return false
  }

  private var exhausted: TokenizerError {
    TokenizerError(
      "The pattern \(source.excerpt) takes more than \(stepLimit) steps on a text of \(text.count) characters."
    )
  }

  /// Where a match from `place` on ends, if there is one; the program begins at `first`.
  mutating func match(from place: Int, at first: Int) throws -> Int? {
    var choices: [Choice] = []
    let trailStart = trail.count
    var (place, next) = (place, first)
    while true {
      var fails = false
      switch program[next] {
      case .one(let set):
        fails = !(place < text.count && sets[set].contains(text[place]))
        if !fails { (place, next) = (place + 1, next + 1) }
      case .several(let set, let least, let most, let greed):
        let table = sets[set]
        let limit = most < text.count - place ? place + most : text.count
        var end = place
        while end < limit, table.contains(text[end]) { end += 1 }
        steps += (end - place) / 64
        fails = end - place < least
        if !fails {
          let shortest = place + least
          switch greed {
          case .possessive: place = end
          case .greedy:
            if end > shortest {
              choices.append(
                Choice(
                  instruction: next + 1, place: end - 1, last: shortest, step: -1,
                  trailCount: trail.count))
            }
            place = end
          case .lazy:
            if end > shortest {
              choices.append(
                Choice(
                  instruction: next + 1, place: shortest + 1, last: end, step: 1,
                  trailCount: trail.count))
            }
            place = shortest
          }
          next += 1
        }
      case .fork(let a, let b):
        steps += 1
        if try wasVisited(next, place) {
          fails = true
        } else {
          choices.append(
            Choice(
              instruction: b, place: place, last: place, step: 1, trailCount: trail.count))
          next = a
        }
      case .jump(let to): next = to
      case .look(let isNegative, let behind, let end):
        let found =
          place >= behind ? try match(from: place - behind, at: next + 1) : nil
        let holds = behind > 0 ? found == place : found != nil
        fails = holds == isNegative
        if !fails { next = end }
      case .atomic(let end):
        if let taken = try match(from: place, at: next + 1) {
          (place, next) = (taken, end)
        } else {
          fails = true
        }
      case .anchor(let anchor):
        fails = !holds(anchor, at: place)
        next += 1
      case .fail: fails = true
      case .accept:
        // What is on the way that succeeded has not failed.
        for pair in trail[trailStart...] { visited.remove(pair) }
        trail.removeLast(trail.count - trailStart)
        return place
      }
      guard fails else {
        if steps > stepLimit { throw exhausted }
        continue
      }
      repeat {
        guard var choice = choices.popLast() else {
          trail.removeLast(trail.count - trailStart)
          return nil
        }
        steps += 1
        if steps > stepLimit { throw exhausted }
        // All that was tried since the choice was made has failed for good.
        if trail.count > choice.trailCount { trail.removeLast(trail.count - choice.trailCount) }
        (place, next) = (choice.place, choice.instruction)
        if choice.place != choice.last {
          choice.place += choice.step
          choices.append(choice)
        }
      } while try wasTried(next, place)
    }
  }

  /// Whether a place that a repetition gave up leads to what has failed already. Forks ask for themselves.
  private mutating func wasTried(_ instruction: Int, _ place: Int) throws -> Bool {
    if case .fork = program[instruction] { return false }
    return try wasVisited(instruction, place)
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
      let before = place > 0 && text[place - 1].isWord
      let after = place < text.count && text[place].isWord
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
