// Groups of regular expressions.

extension PatternParser {
  /// nil for one that only sets options for nothing.
  mutating func group() throws -> PatternNode? {
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
    } else if take("(?:") {
    } else if take("(?<") || take("(?'") {
      let end: Unicode.Scalar = source[place - 1] == "'" ? "'" : ">"
      let start = place
      while let scalar = next, scalar.isWord { place += 1 }
      guard place > start, next == end else { throw failure("a group without its name") }
      place += 1
      groupCount += 1
    } else if take("(?") {
      guard try takeOptions() else {
        // They hold to the end of the group around, branches among it: `a(?i)b|c` is `a(?i:b|c)`.
        return try choice()
      }
    } else {
      _ = take("(")
      groupCount += 1
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
}
