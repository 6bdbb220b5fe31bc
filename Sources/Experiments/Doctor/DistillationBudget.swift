// What a budget leaves of a distillation: sizes of its models, seeds, steps.
import Base
import Models

extension DistillationPlan {
  /// What a step of each training takes on this device, by the names of phases.
  fileprivate func times(_ observer: RunObserver) throws -> [String: StepTime] {
    try Dictionary(
      uniqueKeysWithValues: phases.map { ($0.name, try $0.time(on: device, observer)) })
  }

  /// The times of models whose steps have other arithmetic, as far as that tells: before they are measured.
  fileprivate func guess(from times: [String: StepTime], of measured: DistillationPlan) throws
    -> [String: StepTime]
  {
    try zip(phases, measured.phases).reduce(into: [:]) { guess, pair in
      guard let time = times[pair.1.name] else { return }
      let share = try pair.0.cost().flops / pair.1.cost().flops
      guess[pair.0.name] = StepTime(
        preparing: time.preparing, secondsPerStep: time.secondsPerStep * share)
    }
  }

  /// What all trainings of a recipe take, with their judging by so many rows.
  fileprivate func runTime(_ recipe: DistillRecipe, _ times: [String: StepTime], judgedRows: Int)
    throws -> RunTime
  {
    let judgedSteps = Double(judgedRows) / Double(recipe.training.rowsPerStep)
    let parts = try trainings(of: recipe).compactMap { training in
      times[training.phase.name].map { RunTime.Part(time: $0, stepCount: training.stepCount) }
    }
    // Beside its passes, a sample and a speed are asked of every arm.
    let judging = parts.reduce(0) {
      $0 + (judgedSteps * Self.judgingShare + 10) * $1.time.secondsPerStep + 0.1
    }
    return RunTime(parts: parts, judging: judging, rowsPerStep: recipe.training.rowsPerStep)
  }
}

/// Models of other sizes in the place of those that a recipe has.
private struct OtherModels {
  let recipe: DistillRecipe
  let task: any LearningTask
  let data: TaskData
  let plan: DistillationPlan

  /// What a doctor says of the choice.
  func finding(insteadOf task: any LearningTask) -> Finding {
    func size(_ arm: Arm?) -> String { grouped(arm?.model.parameterCount ?? 0) }
    return .fine(
      "there is no time for models of the usual sizes: the teacher has \(size(self.task.teacher)) parameters instead of "
        + "\(size(task.teacher)), the student \(size(self.task.student)) instead of \(size(task.student))"
    )
  }
}

extension Experiment {
  /// Below this share of the steps, smaller models are taken where nobody chose sizes, and then seeds that nobody asked for are
  /// given up: few steps teach little.
  private static let fewestShare = 0.5

  /// What the run costs, once everything is settled that the recipe leaves to passes over the data, to costs and to a budget, which
  /// counts from `start`; says what the budget leaves.
  mutating func prepare(
    _ data: inout TaskData, _ weights: FrozenWeights, since start: ContinuousClock.Instant,
    _ observer: RunObserver
  ) throws -> (plan: DistillationPlan, chosen: [Finding]) {
    var plan = try observer.during(.preparing, "run") {
      try DistillationPlan(task, recipe, data, weights)
    }
    let mayDropSeeds = recipe.seeds == 0
    try plan.settleCosts(&recipe)
    guard let budget = TimeSpan(recipe.training.budget) else { return (plan, []) }
    // What is chosen is the recipe from here on.
    recipe.training.budget = ""
    var chosen: [Finding] = []
    var times = try plan.times(observer)
    func left() -> Double {
      RunTime.cautious(budget.seconds) - (ContinuousClock.now - start).seconds
    }
    if let smaller = try smallerModels(plan, times, weights, data.judgedRows, within: left()) {
      chosen.append(smaller.finding(insteadOf: task))
      (recipe, task, data, plan) = (smaller.recipe, smaller.task, smaller.data, smaller.plan)
      times = try plan.times(observer)
    }
    func share() throws -> Double {
      try plan.runTime(recipe, times, judgedRows: data.judgedRows).share(fitting: left())
    }
    var fewer: [Finding] = []
    if mayDropSeeds, recipe.seeds > 1, try share() < Self.fewestShare {
      fewer.append(
        .warning(
          "there is no time for \(recipe.seeds) seeds: the verdict will rest on one, and its interval will not cover the "
            + "choice of seed"))
      recipe.seeds = 1
    }
    let final = try share()
    // Passes over the data would decide the steps anew.
    if plan.teacher != nil {
      recipe.teacher.steps = RunTime.scaled(recipe.teacher.steps, final)
      recipe.teacher.epochs = 0
    }
    recipe.student.steps = RunTime.scaled(recipe.student.steps, final)
    recipe.student.epochs = 0
    chosen.append(
      .budget(
        budget.seconds, share: final,
        expected: try plan.runTime(recipe, times, judgedRows: data.judgedRows).seconds,
        steps: (plan.teacher == nil
          ? "" : "\(counted(recipe.teacher.steps, "step")) of the teacher, ")
          + "\(grouped(recipe.student.steps)) of the student, "
          + (recipe.seeds == 1 ? "one seed" : "\(recipe.seeds) seeds")))
    return (plan, chosen + fewer)
  }

  /// The largest models of sizes below the usual ones for which there is time, or the smallest; nil where the usual ones have time
  /// enough, or where somebody chose the sizes.
  private func smallerModels(
    _ plan: DistillationPlan, _ times: [String: StepTime], _ weights: FrozenWeights,
    _ judgedRows: Int, within seconds: Double
  ) throws -> OtherModels? {
    let time = try plan.runTime(recipe, times, judgedRows: judgedRows)
    guard time.share(fitting: seconds) < Self.fewestShare,
      let kind = type(of: task) as? any RecipeTask.Type
    else { return nil }
    var last: OtherModels?
    for smaller in kind.smaller(recipe) {
      let task = try kind.init(smaller, in: folder)
      let data = try task.readData()
      let other = try DistillationPlan(task, smaller, data, weights)
      last = OtherModels(recipe: smaller, task: task, data: data, plan: other)
      let guess = try other.guess(from: times, of: plan)
      let expected = try other.runTime(smaller, guess, judgedRows: judgedRows)
      if expected.share(fitting: seconds) >= Self.fewestShare { break }
    }
    return last
  }
}
