// What would spoil the training of a language model silently.
import Distillation
import Models
import Tensors
import Training

/// Looks at the training of one model.
struct TrainingDoctor {
  let arm: Arm
  let text: RunText
  let classCount: Int
  let recipe: TrainRecipe
  let device: any Device

  private var options: TrainingOptions {
    recipe.training.options(for: recipe.model, seed: recipe.seed)
  }

  /// What is trained.
  func phase() throws -> TrainingPhase {
    let model = try arm.languageModel()
    return TrainingPhase(
      arm.name, options: options, training: text.training, validation: text.validation,
      device: device
    ) { store in
      try arm.plan(in: store, prefix: arm.name)
      return (
        NextTokenObjective(model, classCount: classCount, readsSpans: text.training.isPacked),
        model.parameters(prefix: arm.name)
      )
    }
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
          of: Arm(arm.name, finished: path), teaches: false, batchSize: recipe.training.batchSize,
          on: device)) + [plan.cost()]
  }
}
