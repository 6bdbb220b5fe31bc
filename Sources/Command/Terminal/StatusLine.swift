// The line at the bottom of a terminal that moves while a command works; everything else is written above it.
import Foundation
import Synchronization

/// One line of standard error that is rewritten in place. Once a second it is drawn anew, so that a person sees that the
/// work goes on even where nothing tells of it.
enum StatusLine {
  private struct State {
    /// The line after some seconds without news; nil where there is none.
    var draw: (@Sendable (_ silence: Double) -> String)?
    var news = ContinuousClock.now
    var isOnScreen = false

    var silence: Double { (ContinuousClock.now - news).seconds }
  }

  private static let state = Mutex(State())
  private static let clearing = "\r\u{1B}[2K"

  private static let heartbeat: Void = Thread.detachNewThread {
    while true {
      Thread.sleep(forTimeInterval: 1)
      state.withLock { state in
        guard let draw = state.draw, state.silence >= 1 else { return }
        writeRaw(clearing + draw(state.silence))
        state.isOnScreen = true
      }
    }
  }

  /// Shows a line, which says by itself how long there has been no news. One that is not urgent appears only if the work
  /// takes more than a second.
  static func show(isUrgent: Bool = true, _ draw: @escaping @Sendable (Double) -> String) {
    guard Screen.errors.rewrites else { return }
    _ = heartbeat
    state.withLock { state in
      (state.draw, state.news) = (draw, .now)
      guard isUrgent || state.isOnScreen else { return }
      writeRaw(clearing + draw(0))
      state.isOnScreen = true
    }
  }

  /// Ends the line; what it shows stays on the screen, unless it is to be erased.
  static func end(erases: Bool = false) {
    state.withLock { state in
      if state.isOnScreen { writeRaw(erases ? clearing : "\n") }
      (state.draw, state.isOnScreen) = (nil, false)
    }
  }

  /// Writes something else, for which the line makes room.
  static func above(_ write: () throws -> Void) rethrows {
    try state.withLock { state in
      if state.isOnScreen { writeRaw(clearing) }
      state.isOnScreen = false
      try write()
    }
  }

  private static func writeRaw(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}
