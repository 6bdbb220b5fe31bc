// The training of one language model from text alone.
import Experiments
import Foundation
import Models
import Storage
import Tensors
import Training

/// The training of one model, from what is looked at before to its numbers on held-out text.
package struct LanguageTraining {
  private var recipe: TrainRecipe
  private let folder: RunFolder
  private let tokenizer: RunTokenizer
  private let arm: Arm
  private let model: any LanguageModel
  /// Tokens that the model's table has not may be there, as long as no text holds them.
  private let classCount: Int

  /// `folder` is where the model lies, or would.
  package init(_ recipe: TrainRecipe, in folder: RunFolder) throws {
    (self.recipe, self.folder) = (recipe, folder)
    tokenizer = try RunTokenizer.of(recipe.data, model: recipe.model.path)
    arm = try Arm(
      "model", recipe.model, vocabularySize: tokenizer.tokenizer.vocabularySize,
      sequenceLength: recipe.data.sequenceLength, folder: folder)
    model = try arm.languageModel()
    classCount = min(tokenizer.tokenizer.vocabularySize, model.vocabularySize)
  }

  private func readText() throws -> RunText {
    try RunText(recipe.data, tokenizer, classCount: classCount, seed: recipe.seed)
      .slice(recipe.model.textShare)
  }

  private func setup(_ text: RunText) -> TrainingSetup {
    TrainingSetup(
      objective: NextTokenObjective(model, classCount: classCount), data: text.training,
      validation: text.validation)
  }

  private var options: TrainingOptions {
    recipe.training.options(for: recipe.model, seed: recipe.seed)
  }

  /// Settles what passes over the text and a budget decide; says what was chosen.
  private mutating func prepare(
    _ text: RunText, on device: any Device, since start: ContinuousClock.Instant,
    _ observer: RunObserver
  ) throws -> (phase: TrainingPhase, chosen: [Finding]) {
    recipe.model.settleSteps(on: text.training, recipe.training)
    let (arm, setup) = (arm, setup(text))
    let phase = TrainingPhase(
      arm.name, options: options, sharing: FrozenWeights(on: device)
    ) { store in
      try arm.plan(in: store, prefix: arm.name)
      return (setup, arm.model.parameters(prefix: arm.name))
    }
    return (
      phase, try recipe.settle(phase, judgedRows: text.heldOut.count, since: start, observer)
    )
  }

  /// What would spoil the training silently.
  private func findings(_ text: RunText, _ phase: TrainingPhase) throws -> [Finding] {
    let common = TextDoctor(text: text, classCount: classCount)
    let patience: [Finding] =
      options.patience > 0 && text.validation == nil
      ? [
        .warning(
          "training.patience has nothing to go by: data.validation (\(recipe.data.validation)) spares no row"
        )
      ] : []
    // What is looked at does not stay in memory.
    let perplexity =
      try recipe.model.path.isEmpty
      ? []
      : common.perplexity(
        of: Arm("given", finished: recipe.model.path), as: arm.name, teaches: false,
        batchSize: recipe.training.batchSize, in: FrozenWeights(on: phase.device))
    return try common.targets() + common.passes(options) + patience + perplexity
      + [TrainingPlan(phases: [(phase, options.stepCount)], device: phase.device).cost()]
  }

  /// What a doctor says, without a run.
  package mutating func examination(on device: any Device, _ observer: RunObserver) throws
    -> RunExamination
  {
    let text = try observer.during(.reading, "data") { try readText() }
    let (phase, chosen) = try prepare(text, on: device, since: .now, observer)
    let found = try observer.during(.examining, "run") { try findings(text, phase) }
    return RunExamination(
      data: text.description, findings: chosen + found,
      sample: try DataSample(text, tokenizer.tokenizer))
  }

  /// Trains the model where that is not done, and measures it; `start` is when the command began.
  package mutating func run(
    on device: any Device, _ options: RunOptions, since start: ContinuousClock.Instant,
    _ observer: RunObserver
  ) throws {
    let run = Run(in: folder, options, observer)
    let text = try observer.during(.reading, "data") { try readText() }
    try observer.tell(.opened(device: device.name, data: text.description))
    let (phase, chosen) = try prepare(text, on: device, since: start, observer)
    var origins = RunOrigins()
    try origins.add(recipe)
    origins.add("the data", text.fingerprint)
    try origins.add("the model's folder", folder: recipe.model.path)
    try run.begin(
      recipe, origins: origins, on: device,
      data: (text.description, text.fingerprint, recipe.data.sources),
      phases: [phase]
    ) { try chosen + findings(text, phase) }
    run.clock = try RunClock(
      ofOne: arm.name, phase, stepCount: recipe.model.steps,
      judgedSteps: Double(text.heldOut.count) / Double(recipe.training.rowsPerStep), in: folder)
    if !folder.isFinished(arm.name) {
      try ArmTraining(
        arm, setup(text), self.options, in: run,
        store: VariableStore(on: device, seed: recipe.seed)
      ).train(
        prefix: arm.name,
        .languageModel(
          tokenizer, precision: recipe.training.export, rowsOf: recipe.data.sequenceLength))
    }
    try run.end(try judge(text, on: device, run), in: RunFolder.evaluation)
  }

  /// Measures the model on held-out text.
  private func judge(_ text: RunText, on device: any Device, _ run: Run) throws -> Outcome {
    let start = ContinuousClock.now
    let store = VariableStore(on: device, seed: recipe.seed)
    try run.during(.loading, arm.name) { try arm.load(into: store) }
    let result = try run.judge(arm.name) { report in
      try evaluate(
        model, teacher: nil, on: text.heldOut, batchSize: recipe.training.batchSize,
        classCount: classCount, store: store
      ) { try report($0, $1, "batches") }
    }
    let found = ArmResult(
      arm.name, parameterCount: arm.model.parameterCount,
      [ArmEvaluation(result, bytesPerToken: text.bytesPerToken)], speed: Speed.unknown,
      cost: folder.cost(of: arm.name))
    return Outcome(
      [found], quality: "bits_per_byte", answers: nil, sentences: [],
      seconds: (ContinuousClock.now - start).seconds)
  }
}
