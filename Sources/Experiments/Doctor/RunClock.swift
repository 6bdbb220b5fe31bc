// How long all of a run will take.

/// The work of a run, part by part, and the speed at which it was done so far.
package final class RunClock {
  /// A training, or the judging of what was trained.
  package struct Part {
    let name: String
    /// Parts of one kind are as fast.
    let kind: String
    let flops: Double
    /// What it takes beyond its arithmetic, such as continuations.
    var seconds = 0.0
  }

  private let parts: [Part]
  private var done: Set<String> = []
  /// By kind: what was done, and how long it took.
  private var measured: [String: (flops: Double, seconds: Double)] = [:]

  package init(_ parts: [Part]) { self.parts = parts }

  /// The name of the part in which an arm is judged.
  package static func judging(_ arm: String) -> String { "judging \(arm)" }
  private static let judged = "judging"

  /// The training of an arm.
  package static func training(_ arm: String, like kind: String, flops: Double) -> Part {
    Part(name: arm, kind: kind, flops: flops)
  }

  /// The judging of an arm.
  package static func judging(_ arm: String, flops: Double) -> Part {
    Part(name: judging(arm), kind: judged, flops: flops, seconds: 0.5)
  }

  /// Notes that a part is done.
  package func finish(_ name: String, seconds: Double) {
    guard let part = parts.first(where: { $0.name == name }), done.insert(name).inserted else {
      return
    }
    let before = measured[part.kind] ?? (0, 0)
    measured[part.kind] = (before.flops + part.flops, before.seconds + seconds)
  }

  /// The seconds that everything but `name`, which is under way, still takes: kinds that were not met are as fast as the
  /// rest. nil as long as nothing was measured.
  package func secondsLeft(beside name: String) -> Double? {
    let all = measured.values.reduce((flops: 0.0, seconds: 0.0)) {
      ($0.flops + $1.flops, $0.seconds + $1.seconds)
    }
    guard all.flops > 0, all.seconds > 0 else { return nil }
    return parts.filter { $0.name != name && !done.contains($0.name) }.reduce(0) { sum, part in
      let pace = measured[part.kind] ?? all
      return sum + part.seconds + part.flops * pace.seconds / pace.flops
    }
  }

  /// What follows after a part that is under way.
  package func outlook(beside name: String) -> Outlook {
    let trainings = parts.filter { $0.kind != Self.judged }
    return Outlook(
      done: trainings.count { done.contains($0.name) }, total: trainings.count,
      secondsLeft: secondsLeft(beside: name))
  }
}

extension RunClock {
  /// What judging a model without a teacher takes for as many rows as a step has, in steps of its training.
  static let judgingShareAlone = 0.4

  /// The clock of a run that trains one model and judges it on so many steps' rows.
  package convenience init(
    ofOne arm: String, _ phase: TrainingPhase, stepCount: Int, judgedSteps: Double,
    in folder: RunFolder
  ) throws {
    let flops = try phase.cost().flops
    let left = folder.stepsLeft(of: arm, stepCount: stepCount)
    self.init([
      Self.training(arm, like: phase.name, flops: flops * Double(left)),
      Self.judging(arm, flops: flops * judgedSteps * Self.judgingShareAlone),
    ])
    if folder.isFinished(arm, stepCount: stepCount) {
      folder.cost(of: arm).map { finish(arm, seconds: $0.seconds) }
    }
  }
}

extension DistillationPlan {
  /// The clock of a run whose recipe is settled; arms that are finished count as measured.
  func clock(_ recipe: DistillRecipe, judgedRows: Int, in folder: RunFolder) throws -> RunClock {
    let judgedSteps = Double(judgedRows) / Double(recipe.training.rowsPerStep)
    let all = try trainings(of: recipe).map { training in
      (training, flops: try training.phase.cost().flops)
    }
    let parts = all.flatMap { training, flops -> [RunClock.Part] in
      let left = folder.stepsLeft(of: training.arm, stepCount: training.stepCount)
      return [
        RunClock.training(training.arm, like: training.phase.name, flops: flops * Double(left)),
        RunClock.judging(training.arm, flops: flops * judgedSteps * Self.judgingShare),
      ]
    }
    let clock = RunClock(parts)
    for (training, _) in all
    where folder.isFinished(training.arm, stepCount: training.stepCount) {
      folder.cost(of: training.arm).map { clock.finish(training.arm, seconds: $0.seconds) }
    }
    return clock
  }
}
