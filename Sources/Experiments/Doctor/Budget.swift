// A run that is to end within a time.
import Base
import Foundation
import Tensors

/// A time as a person writes it: 90s, 3m, 1h, or 1h30m.
struct TimeSpan {
  let seconds: Double

  init?(_ text: String) {
    guard let match = text.wholeMatch(of: /(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?/), !text.isEmpty
    else { return nil }
    let parts = [match.1, match.2, match.3].map { $0.flatMap { Double($0) } ?? 0 }
    seconds = parts[0] * 3600 + parts[1] * 60 + parts[2]
    // Longer ones are slips, and more than clocks count.
    guard seconds > 0, seconds < 1e8 else { return nil }
  }
}

/// What a kind of training takes on this device, as it was measured.
struct StepTime {
  /// Before and with the first step: kernels are compiled in it.
  let preparing: Double
  let secondsPerStep: Double
}

extension TrainingPhase {
  /// Runs some steps with new weights, and measures them. Kernels that are compiled here are there when the run begins.
  func time(on device: any Device, _ observer: RunObserver) throws -> StepTime {
    let start = ContinuousClock.now
    let trainer = try observer.during(.measuring, name) { try self.trainer(on: device) }
    try trainer.runStep(0) { done, total in
      try observer.check(.preparing)
      let seconds = (ContinuousClock.now - start).seconds
      try observer.tell(
        .progress(
          Activity(
            kind: .measuring, subject: self.name, progress: (done, total), unit: "launches",
            secondsPerPart: done > 0 ? seconds / Double(done) : nil), outlook: nil))
    }
    _ = try trainer.latestLoss()
    let preparing = (ContinuousClock.now - start).seconds
    let clock = ContinuousClock.now
    var count = 0
    while count < 20, count < 3 || (ContinuousClock.now - clock).seconds < 1 {
      count += 1
      try observer.check(.preparing)
      try trainer.runStep(count)
      _ = try trainer.latestLoss()
    }
    return StepTime(
      preparing: preparing, secondsPerStep: (ContinuousClock.now - clock).seconds / Double(count))
  }
}

/// Trainings of a run, with their times on this device.
struct RunTime {
  /// The training of one arm.
  struct Part {
    let time: StepTime
    let stepCount: Int
  }

  let parts: [Part]
  /// What judging takes.
  let judging: Double
  let rowsPerStep: Int

  /// Twenty measurements of 64 validation rows, each a forward pass, cost an arm as much as so many of its steps.
  private var validationSteps: Double { 20 * max(1, 64 / Double(rowsPerStep)) * 0.35 }
  /// Logs and checkpoints cost about this share of the steps.
  private static let loggingShare = 0.05
  /// Of what the first arm of a kind needs before its first step, another arm needs this share: kernels are compiled.
  private static let repeatedPreparing = 0.15

  /// The seconds that do not depend on the number of steps, beyond those that measuring took already.
  private var fixed: Double {
    parts.reduce(judging) {
      $0
        + $1.time.preparing * Self.repeatedPreparing + validationSteps * $1.time.secondsPerStep
    }
  }

  private var perStep: Double {
    parts.reduce(0) {
      $0 + Double($1.stepCount) * $1.time.secondsPerStep * (1 + Self.loggingShare)
    }
  }

  /// All of it.
  var seconds: Double { fixed + perStep }

  /// What share of the steps fits some seconds; at most all.
  func share(fitting seconds: Double) -> Double { min(1, max(0, (seconds - fixed) / perStep)) }
}

extension RunTime {
  /// A share of some steps, at least one.
  static func scaled(_ steps: Int, _ share: Double) -> Int {
    max(1, Int((Double(steps) * share).rounded(.down)))
  }

  /// Some seconds with a margin, for a machine that is a little slower later than it was when it was measured.
  static func cautious(_ seconds: Double) -> Double { 0.9 * seconds }
}

extension TrainRecipe {
  /// Cuts the steps so that all ends within the budget from `start`, if there is one; says what was chosen.
  package mutating func settle(
    _ phase: TrainingPhase, judgedRows: Int, since start: ContinuousClock.Instant,
    _ observer: RunObserver
  ) throws -> [Finding] {
    guard let budget = TimeSpan(training.budget) else { return [] }
    training.budget = ""
    let time = try phase.time(on: phase.device, observer)
    func runTime() -> RunTime {
      RunTime(
        parts: [.init(time: time, stepCount: model.steps)],
        judging: Double(judgedRows) / Double(training.rowsPerStep) * time.secondsPerStep
          * RunClock.judgingShareAlone
          + 0.1,
        rowsPerStep: training.rowsPerStep)
    }
    let left = RunTime.cautious(budget.seconds) - (ContinuousClock.now - start).seconds
    let share = runTime().share(fitting: left)
    model.steps = RunTime.scaled(model.steps, share)
    model.epochs = 0
    return [
      .budget(
        budget.seconds, share: share, expected: runTime().seconds,
        steps: counted(model.steps, "step"))
    ]
  }
}

extension Finding {
  /// What a budget leaves of a recipe.
  package static func budget(_ seconds: Double, share: Double, expected: Double, steps: String)
    -> Finding
  {
    let sentence =
      "within \(duration(seconds)) there is time for \(fixed(100 * share, 0)) % of the steps: \(steps); the rest of the "
      + "run takes about \(duration(expected))"
    if share == 0 {
      return .refusal(
        "\(sentence), which is more than there is. Give it more time, or take smaller models")
    }
    return share < 0.1
      ? .warning("\(sentence). So few steps teach little: give it more time, or smaller models")
      : .fine(sentence)
  }
}
