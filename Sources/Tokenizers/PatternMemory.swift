// What is remembered of a pattern's work on a text.

/// States from which nothing matches, or that are on the way being tried; of states within a group that runs by
/// itself also where they led to.
struct PatternMemory {
  /// What is known of a state.
  enum Knowledge {
    case nothing, fails
    case ends(at: Int)
  }

  /// For repetitions of one set: text that is known to be of the set, and places from which the rest fails.
  struct Stretch {
    var taken = 0..<0
    var failed = 0..<0

    /// A place from which the rest fails; places side by side are kept.
    mutating func fail(at place: Int) {
      if place == failed.lowerBound - 1 {
        failed = place..<failed.upperBound
      } else if place == failed.upperBound {
        failed = failed.lowerBound..<place + 1
      } else if !failed.contains(place) {
        failed = place..<place + 1
      }
    }
  }

  /// Bits of states that were visited, in pages.
  private var pages: [Int: Int] = [:]
  private var words: [UInt64] = []
  private var ends: [Int: Int] = [:]
  private(set) var stretches: [Stretch] = []

  private static let pageWords = 64
  /// 64 MiB of bits.
  private static let mostWords = 1 << 23
  private static let mostEnds = 1 << 20

  subscript(several: Pattern.Several) -> Stretch {
    get { several.index < stretches.count ? stretches[several.index] : Stretch() }
    set {
      while stretches.count <= several.index { stretches.append(Stretch()) }
      stretches[several.index] = newValue
    }
  }

  /// What is known of a state, which counts as visited from now on.
  mutating func visit(_ state: Int) -> Knowledge {
    let (page, place) = state.quotientAndRemainder(dividingBy: Self.pageWords * 64)
    // To forget is always allowed: it costs time alone.
    if words.count >= Self.mostWords || ends.count >= Self.mostEnds { forget() }
    var start = pages[page] ?? -1
    if start < 0 {
      start = words.count
      pages[page] = start
      words.append(contentsOf: repeatElement(0, count: Self.pageWords))
    }
    let bit: UInt64 = 1 << UInt64(place & 63)
    let index = start + place >> 6
    if words[index] & bit == 0 {
      words[index] |= bit
      return .nothing
    }
    return ends[state].map { .ends(at: $0) } ?? .fails
  }

  /// A state was on the way to a match: it has not failed.
  mutating func clear(_ state: Int) {
    let (page, place) = state.quotientAndRemainder(dividingBy: Self.pageWords * 64)
    guard let start = pages[page] else { return }
    words[start + place >> 6] &= ~(1 << UInt64(place & 63))
  }

  /// A state leads to a match of its group that ends at a place.
  mutating func note(_ state: Int, endsAt place: Int) {
    // After forgetting it is not known as visited.
    _ = visit(state)
    ends[state] = place
  }

  private mutating func forget() {
    pages = [:]
    words = []
    ends = [:]
  }
}
