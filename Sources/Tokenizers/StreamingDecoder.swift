// Text while its tokens arrive.

/// Gives the text of ids one by one, as soon as it cannot change any more: a character whose bytes are
/// split over several tokens comes with the last of them, and what may be the beginning of a stop
/// string is held back.
package struct StreamingDecoder {
  private let tokenizer: Tokenizer
  private let stops: [String]
  private var ids: [Int32] = []
  /// Where the tokens begin that the next text is decoded with, and those that are not shown yet. The
  /// first are there because a token's text may depend on what stands before it.
  private var (start, shown) = (0, 0)
  /// Text that may yet become a stop string.
  private var held = ""
  /// Whether a stop string has come; it and what follows it are not part of the text.
  package private(set) var isStopped = false

  /// Decodes the ids that follow `context`, and ends the text before any of `stops`.
  package init(
    _ tokenizer: Tokenizer, after context: some Collection<Int32> = [], stops: [String] = []
  ) {
    self.tokenizer = tokenizer
    self.stops = stops.filter { !$0.isEmpty }
    ids = Array(context.suffix(8))
    shown = ids.count
  }

  /// The text that an id adds; empty while a character is not complete.
  package mutating func add(_ id: Int32) -> String {
    ids.append(id)
    return taken(fresh(isLast: false), isLast: false)
  }

  /// What is left when no more ids come.
  package mutating func finish() -> String { taken(fresh(isLast: true), isLast: true) }

  private mutating func fresh(isLast: Bool) -> String {
    func text(_ end: Int) -> String.UnicodeScalarView {
      tokenizer.decode(ids[start..<end]).unicodeScalars
    }
    let (before, after) = (text(shown), text(ids.count))
    guard after.count > before.count, isLast || after.last != "\u{FFFD}" else { return "" }
    (start, shown) = (shown, ids.count)
    return String(after.dropFirst(before.count))
  }

  private mutating func taken(_ fresh: String, isLast: Bool) -> String {
    if isStopped { return "" }
    held += fresh
    let text = Array(held.unicodeScalars)
    // The first place where a stop string stands, or, unless this is the end, may begin.
    for place in text.indices {
      for stop in stops {
        let wanted = Array(stop.unicodeScalars)
        let found = text[place..<min(text.count, place + wanted.count)]
        guard wanted.starts(with: found), found.count == wanted.count || !isLast else { continue }
        isStopped = found.count == wanted.count
        held = isStopped ? "" : Array(text[place...]).text
        return Array(text[..<place]).text
      }
    }
    held = ""
    return text.text
  }
}
