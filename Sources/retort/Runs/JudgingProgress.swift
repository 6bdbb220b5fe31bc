// How far the judging of a run is, and its end where a person asks for it.
import ArgumentParser

/// A progress line for the evaluation of arms that are all trained. Nothing is lost where it is interrupted: the
/// arms are in their folder, and a resumed run judges them again.
final class JudgingProgress {
  private let folder: RunFolder
  private let command: String
  private let line = ProgressLine()
  private let clock = ContinuousClock.now
  private var start = 0.0

  init(_ folder: RunFolder, command: String) {
    self.folder = folder
    self.command = command
  }

  /// Begins another arm.
  func begin() { start = seconds }

  /// Throws after an interrupt.
  func check(_ arm: String) throws {
    guard Interrupt.wasRequested else { return }
    note(
      "Interrupted while the \(arm) was judged; everything is trained. Go on with "
        + "`retort \(command) --run \(folder.name) --resume`, on the same --device.")
    throw ExitCode(130)
  }

  /// Shows that `done` parts of an arm's work are done; throws after an interrupt.
  func show(_ arm: String, done: Int, of total: Int, _ unit: String) throws {
    if Interrupt.wasRequested { line.end() }
    try check(arm)
    line.show(
      "judging the \(arm)", done: done, of: total, seconds: seconds - start, doneHere: done, unit)
    if done == total { line.end() }
  }

  private var seconds: Double { (ContinuousClock.now - clock).seconds }
}
