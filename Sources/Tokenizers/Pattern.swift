// Regular expressions as tokenizers use them: a program of a few instructions, run with backtracking.

/// A compiled regular expression.
struct Pattern: Sendable {
  enum Instruction: Sendable {
    /// Takes one scalar of a set.
    case one(Int)
    /// Takes from `least` to `most` scalars of a set: as many as the rest allows, as few, or as many
    /// as there are.
    case several(Int, least: Int, most: Int, Greed)
    /// Tries the first place, then the second.
    case fork(Int, Int)
    case jump(Int)
    /// Goes on if the program up to the next `accept` matches here, or does not, without taking it;
    /// `end` is where the rest goes on.
    case look(isNegative: Bool, isBehind: Bool, end: Int)
    case start
    case end
    case accept
  }

  enum Greed: Sendable { case greedy, lazy, possessive }

  let source: String
  private let program: [Instruction]
  private let sets: [ScalarTable]

  init(_ source: String) throws {
    var compiler = PatternCompiler(source)
    self.source = source
    program = try compiler.compile()
    sets = compiler.sets.map(ScalarTable.init)
  }

  /// The ranges of `text` that match, from left to right; empty matches are passed over.
  func matches(in text: Scalars) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var place = 0
    text.withUnsafeBufferPointer { text in
      while place < text.count {
        if let end = match(text, from: place, at: 0), end > place {
          found.append(place..<end)
          place = end
        } else {
          place += 1
        }
      }
    }
    return found
  }

  private typealias Text = UnsafeBufferPointer<Unicode.Scalar>

  /// Where to go on when a try has failed.
  private struct Choice {
    let instruction: Int
    var place: Int
    /// For a repetition that can give back or take more: the last place, and the step towards it.
    var last: Int
    var step: Int
  }

  /// Where a match from `place` on ends, if there is one.
  private func match(_ text: Text, from place: Int, at first: Int) -> Int? {
    var choices: [Choice] = []
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
        fails = end - place < least
        if !fails {
          let shortest = place + least
          switch greed {
          case .possessive: place = end
          case .greedy:
            if end > shortest {
              choices.append(
                Choice(instruction: next + 1, place: end - 1, last: shortest, step: -1))
            }
            place = end
          case .lazy:
            if end > shortest {
              choices.append(
                Choice(instruction: next + 1, place: shortest + 1, last: end, step: 1))
            }
            place = shortest
          }
          next += 1
        }
      case .fork(let a, let b):
        choices.append(Choice(instruction: b, place: place, last: place, step: 1))
        next = a
      case .jump(let to): next = to
      case .look(let isNegative, let isBehind, let end):
        let found: Bool
        if isBehind {
          found = place > 0 && match(text, from: place - 1, at: next + 1) == place
        } else {
          found = match(text, from: place, at: next + 1) != nil
        }
        fails = found == isNegative
        if !fails { next = end }
      case .start:
        fails = place != 0
        next += 1
      case .end:
        fails = place != text.count
        next += 1
      case .accept: return place
      }
      guard fails else { continue }
      guard var choice = choices.popLast() else { return nil }
      (place, next) = (choice.place, choice.instruction)
      if choice.place != choice.last {
        choice.place += choice.step
        choices.append(choice)
      }
    }
  }
}
