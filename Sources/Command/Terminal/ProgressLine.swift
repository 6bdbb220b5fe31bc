// How far a long work is, on standard error.
import Base
import Foundation

/// A progress line: rewritten in place on a terminal, elsewhere a line of its own every ten percent.
final class ProgressLine {
  /// The work and the tenth of it that was shown last, where lines are not rewritten.
  private var shown: (title: String, tenth: Int)?

  /// Shows some work whose parts are not counted, if it takes longer than a second.
  func show(_ title: String) {
    guard !isQuiet else { return }
    StatusLine.show(isUrgent: false) { silence in
      cut(
        visible(title) + (silence < 1 ? "" : " \(duration(silence))"),
        to: (Screen.errors.width ?? 80) - 1)
    }
  }

  /// Shows how far some work is, with the time left at the present speed.
  func show(
    _ title: String, done: Int, of total: Int, seconds: Double, doneHere: Int, _ text: String
  ) {
    show(
      title, done: done, of: total, secondsEach: doneHere > 0 ? seconds / Double(doneHere) : 0, text
    )
  }

  /// The same at a speed that is known. `besides` are the seconds of what follows, if they are known.
  func show(
    _ title: String, done: Int, of total: Int, secondsEach: Double, _ text: String,
    besides: Double? = nil
  ) {
    guard !isQuiet else { return }
    /// The first parts say little of the rest.
    let isEarly = done * 20 < total
    @Sendable func left(after silence: Double) -> String {
      let own = max(0, secondsEach * Double(total - done) - silence)
      let parts = [
        isEarly || done == total ? nil : "\(duration(own)) left",
        isEarly ? nil : besides.map { "\(duration(own + $0)) to the end" },
      ]
      return parts.compactMap { $0 }.joined(separator: ", ")
    }
    let count = "\(done)/\(total)"
    if Screen.errors.rewrites {
      let share = total > 0 ? Double(done) / Double(total) : 1
      StatusLine.show { silence in
        Self.line(
          visible(title), share: share, count, visible(text), left(after: silence),
          width: Screen.errors.width ?? 80)
      }
    } else {
      let tenth = total > 0 ? done * 10 / total : 10
      if let shown, shown.title == title, shown.tenth >= tenth { return }
      shown = (title, tenth)
      note([title, count, text, left(after: 0)].filter { !$0.isEmpty }.joined(separator: " "))
    }
  }

  /// Title, bar, count, numbers and time left in less than `width` columns: the bar goes first, then the last of the
  /// numbers, which two spaces part.
  static func line(
    _ title: String, share: Double, _ count: String, _ text: String, _ left: String, width: Int
  ) -> String {
    var parts = text.split(separator: "  ").map { $0.trimmingCharacters(in: .whitespaces) }
    func line(bar: Int) -> String {
      let filled = Int(share * Double(bar))
      let drawn =
        String(repeating: "#", count: filled) + String(repeating: ".", count: bar - filled)
      let numbers = parts.isEmpty ? "" : " " + parts.joined(separator: "  ")
      let end = left.isEmpty ? "" : " \(left)"
      return "\(title) \(bar > 0 ? "[\(drawn)] " : "")\(count)\(numbers)\(end)"
    }
    while true {
      let bare = line(bar: 0)
      let room = width - 1 - displayWidth(bare) - 3
      if room >= 6 { return line(bar: min(20, room)) }
      if displayWidth(bare) < width { return bare }
      if parts.popLast() == nil { return cut(bare, to: width - 1) }
    }
  }

  /// Ends the line, so that other text may follow.
  func end(erases: Bool = false) {
    StatusLine.end(erases: erases)
    shown = nil
  }
}
