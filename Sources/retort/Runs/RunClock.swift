// How long all of a run will take.

/// The work of a run, arm by arm, and the speed at which it was done so far.
final class RunClock {
  /// A training, or the judging at the end.
  struct Part {
    let name: String
    /// Arms of one kind are as fast.
    let kind: String
    let flops: Double
  }

  private let parts: [Part]
  private var done: Set<String> = []
  /// By kind: what was done, and how long it took.
  private var measured: [String: (flops: Double, seconds: Double)] = [:]
  /// What judging takes beyond its arithmetic, such as continuations.
  private let judgingSeconds: Double

  init(_ parts: [Part], judgingSeconds: Double) {
    (self.parts, self.judgingSeconds) = (parts, judgingSeconds)
  }

  /// Notes that a part is done.
  func finish(_ name: String, seconds: Double) {
    guard let part = parts.first(where: { $0.name == name }), done.insert(name).inserted else {
      return
    }
    let before = measured[part.kind] ?? (0, 0)
    measured[part.kind] = (before.flops + part.flops, before.seconds + seconds)
  }

  /// The seconds that everything but `name`, which is under way, still takes: kinds that were not met are as fast as the
  /// rest. nil as long as nothing was measured.
  func secondsLeft(beside name: String) -> Double? {
    let all = measured.values.reduce((flops: 0.0, seconds: 0.0)) {
      ($0.flops + $1.flops, $0.seconds + $1.seconds)
    }
    guard all.flops > 0, all.seconds > 0 else { return nil }
    return parts.filter { $0.name != name && !done.contains($0.name) }.reduce(judgingSeconds) {
      sum, part in
      let pace = measured[part.kind] ?? all
      return sum + part.flops * pace.seconds / pace.flops
    }
  }
}

extension DistillationPlan {
  /// The clock of a run whose recipe is settled; arms that are finished count as measured.
  func clock(_ recipe: DistillRecipe, judgedRows: Int, in folder: RunFolder) throws -> RunClock {
    let judgedSteps = Double(judgedRows) / Double(recipe.training.rowsPerStep)
    var (parts, judging): ([RunClock.Part], Double) = ([], 0)
    for training in try trainings(of: recipe) {
      let flops = try training.phase.cost().flops
      parts.append(
        .init(
          name: training.arm, kind: training.phase.name,
          flops: flops * Double(training.stepCount)))
      judging += flops * judgedSteps * Self.judgingShare
    }
    let clock = RunClock(
      parts + [.init(name: "judging", kind: "judging", flops: judging)],
      judgingSeconds: 0.5 * Double(parts.count))
    for part in parts where folder.isFinished(part.name) {
      folder.cost(of: part.name).map { clock.finish(part.name, seconds: $0.seconds) }
    }
    return clock
  }
}
