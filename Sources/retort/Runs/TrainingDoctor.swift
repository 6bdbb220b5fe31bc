// What would spoil the training of a language model silently.
import Models
import Tensors
import Text
import Training

/// Looks at the training of one model.
struct TrainingDoctor {
  let arm: Arm
  let text: RunText
  let classCount: Int
  let recipe: TrainRecipe
  let weights: FrozenWeights

  private var device: any Device { weights.store.device }

  private var options: TrainingOptions {
    recipe.training.options(for: recipe.model, seed: recipe.seed)
  }

  func findings(_ phase: TrainingPhase) throws -> [Finding] {
    let plan = TrainingPlan(phases: [(phase, options.stepCount)], device: device)
    let common = TextDoctor(text: text, classCount: classCount)
    let path = recipe.model.path
    let patience: [Finding] =
      options.patience > 0 && text.validation == nil
      ? [
        .warning(
          "training.patience has nothing to go by: data.validation (\(recipe.data.validation)) spares no row"
        )
      ] : []
    return try common.targets() + common.passes(options) + patience
      + (path.isEmpty
        ? []
        : common.perplexity(
          of: Arm("given", finished: path), as: arm.name, teaches: false,
          batchSize: recipe.training.batchSize,
          in: weights)) + [plan.cost()]
  }
}

extension TrainRecipe {
  /// What is trained.
  func phase(_ arm: Arm, _ text: RunText, classCount: Int, weights: FrozenWeights) throws
    -> TrainingPhase
  {
    let language = try arm.languageModel()
    return TrainingPhase(
      arm.name, options: training.options(for: model, seed: seed), sharing: weights
    ) { store in
      try arm.plan(in: store, prefix: arm.name)
      return (
        setup(language, text, classCount: classCount), language.parameters(prefix: arm.name)
      )
    }
  }

  /// What a model learns from text alone.
  func setup(_ model: any LanguageModel, _ text: RunText, classCount: Int) -> TrainingSetup {
    TrainingSetup(
      objective: NextTokenObjective(model, classCount: classCount), data: text.training,
      validation: text.validation)
  }

  /// Cuts the steps so that all ends within the budget from `start`, if there is one; says what was chosen.
  mutating func settle(
    _ phase: TrainingPhase, judgedRows: Int, since start: ContinuousClock.Instant
  ) throws -> [Finding] {
    guard let budget = TimeSpan(training.budget) else { return [] }
    training.budget = ""
    let time = try phase.time(on: phase.device)
    func runTime() -> RunTime {
      RunTime(
        parts: [.init(time: time, stepCount: model.steps)],
        judging: Double(judgedRows) / Double(training.rowsPerStep) * time.secondsPerStep * 0.4
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
