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

  func findings() throws -> [Finding] {
    let plan = TrainingPlan(recipe: recipe.training, steps: recipe.model.steps)
    let common = TextDoctor(text: text, classCount: classCount, plan: plan)
    let path = recipe.model.path
    return try common.unknownTokens() + common.targets()
      + (path.isEmpty
        ? []
        : common.perplexity(
          of: Arm(arm.name, finished: path), teaches: false, seed: recipe.seed, on: device))
      + [
        plan.cost(
          NextTokenObjective(
            arm.languageModel(), classCount: classCount, readsSpans: text.training.isPacked),
          parameters: arm.model.parameters().map(\.tensor), otherCount: 0,
          length: recipe.data.sequenceLength, on: device)
      ]
  }
}
