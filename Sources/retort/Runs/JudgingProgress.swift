// How far the judging of a run is, and its end where a person asks for it.
import ArgumentParser

/// A progress line for the evaluation of an arm, when all are trained. Nothing is lost where it is interrupted: the
/// arms are in their folder, and a resumed run judges them again.
struct JudgingProgress {
  let arm: String
  let folder: RunFolder
  /// The command that resumes the run.
  let command: String
  private let line = ProgressLine()
  private let start = ContinuousClock.now

  init(_ arm: String, in folder: RunFolder, command: String) {
    self.arm = arm
    self.folder = folder
    self.command = command
  }

  /// Throws after an interrupt.
  func check() throws {
    guard Interrupt.wasRequested else { return }
    warn(
      "Interrupted while judging (\(arm)); everything is trained. Go on with "
        + "`retort \(command) --run \(folder.name) --resume`, on the same --device.")
    throw ExitCode(130)
  }

  /// Shows that `done` parts of the work are done; throws after an interrupt.
  func show(done: Int, of total: Int, _ unit: String) throws {
    if Interrupt.wasRequested { line.end() }
    try check()
    line.show(
      "judging the \(arm)", done: done, of: total,
      seconds: (ContinuousClock.now - start).seconds, doneHere: done, unit)
    if done == total { line.end() }
  }
}
