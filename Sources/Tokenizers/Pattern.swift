// Regular expressions as tokenizers use them: a program of a few instructions, run with backtracking.

/// A compiled regular expression, with Oniguruma's meaning as the `tokenizers` library has it (Ruby's syntax).
///
/// Nothing is captured, so whether the rest of the program matches depends on the instruction, the place and on which
/// of the loops around have taken nothing yet. Once a text takes many steps, such states are remembered when they have
/// failed, and never tried again: what would take exponential time then takes the product of program and text.
struct Pattern: Sendable {
  enum Instruction: Sendable {
    /// Takes one scalar of a set.
    case one(Int)
    case several(Several)
    case fork(Fork)
    case jump(Int)
    /// A round of a loop begins, whose body may take nothing.
    case round(slot: Int)
    /// Leaves the loop for `exit` where the round has taken nothing.
    case roundEnd(slot: Int, exit: Int)
    /// Goes on if the program up to the next `accept` matches here, or does not, without taking it; `behind` is how
    /// many scalars before this place it begins. `end` is where the rest goes on.
    case look(isNegative: Bool, behind: Int, end: Int)
    /// Takes what the program up to the next `accept` takes first, and never gives it back.
    case atomic(end: Int)
    case anchor(Anchor)
    case accept
    case fail
  }

  /// Takes from `least` to `most` scalars of a set: as many as the rest allows, as few, or as many as there are.
  struct Several: Sendable {
    let set: Int
    let least: Int
    let most: Int
    let greed: Greed
    /// Its number among those of the program.
    let index: Int
    let loops: Range<Int8>
  }

  /// Tries the first place, then the second.
  struct Fork: Sendable {
    let first: Int
    let second: Int
    /// The first of its states' numbers: one for each count of `loops` whose round has taken nothing.
    let state: Int
    let loops: Range<Int8>
  }

  enum Greed: Sendable { case greedy, lazy, possessive }

  /// What holds between two scalars.
  enum Anchor: Sendable {
    case lineStart, lineEnd, textStart, textEnd, textEndOrLastNewline, wordEdge, noWordEdge
  }

  let source: String
  let program: PatternProgram

  init(_ source: String) throws {
    var parser = PatternParser(source)
    var writer = PatternWriter()
    program = try writer.program(of: try parser.parse(), of: source)
    self.source = source
  }

  /// The ranges of `text` that match, from left to right, empty ones among them: an empty match does not follow
  /// another match immediately. A text that takes too long is an error.
  func matches(in text: Scalars) throws -> [Range<Int>] {
    try text.withUnsafeBufferPointer { text in
      var run = PatternRun(program, text, source)
      var found: [Range<Int>] = []
      var place = 0
      while place <= text.count {
        guard let end = try run.match(from: place),
          end > place || found.last?.upperBound != place
        else {
          place += 1
          continue
        }
        found.append(place..<end)
        place = end
      }
      return found
    }
  }
}

/// What a pattern does, in steps.
struct PatternProgram: Sendable {
  var instructions: [Pattern.Instruction] = []
  var sets: [ScalarTable] = []
  /// How many loops with rounds are inside of each other.
  var slotCount = 0
  var stateCount = 0
  var severalCount = 0
}
