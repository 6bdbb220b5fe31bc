// `retort train`: one language model learns from text alone.
import Foundation
import Models
import Storage
import Tensors
import Text
import Training

/// The training of one model, from what is looked at before to its numbers on held-out text.
struct SingleTraining {
  private var recipe: TrainRecipe
  private let folder: RunFolder
  private let tokenizer: RunTokenizer
  private let arm: Arm
  private let model: any LanguageModel
  /// Tokens that the model's table has not may be there, as long as no text holds them.
  private let classCount: Int

  /// `folder` is where the model lies, or would.
  init(_ recipe: TrainRecipe, in folder: RunFolder) throws {
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
    _ text: RunText, on device: any Device, since start: ContinuousClock.Instant
  ) throws -> (phase: TrainingPhase, chosen: [Finding]) {
    recipe.model.settleSteps(on: text.training, recipe.training)
    let (arm, setup) = (arm, setup(text))
    let phase = TrainingPhase(
      arm.name, options: options, sharing: FrozenWeights(on: device)
    ) { store in
      try arm.plan(in: store, prefix: arm.name)
      return (setup, arm.model.parameters(prefix: arm.name))
    }
    return (phase, try recipe.settle(phase, judgedRows: text.heldOut.count, since: start))
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

  /// What `retort doctor` shows, without a run.
  mutating func examination(on device: any Device) throws -> (
    text: RunText, findings: [Finding], sample: DataSample
  ) {
    let text = try readText()
    let (phase, chosen) = try prepare(text, on: device, since: .now)
    return (text, try chosen + findings(text, phase), try DataSample(text, tokenizer.tokenizer))
  }

  /// Trains the model where that is not done, and measures it; `start` is when the command began.
  mutating func run(_ arguments: RunArguments, since start: ContinuousClock.Instant) throws {
    let (device, text) = try arguments.open { try readText() }
    let (phase, chosen) = try prepare(text, on: device, since: start)
    var origins = RunOrigins()
    try origins.add(recipe)
    origins.add("the text", text.fingerprint)
    try origins.add("the model's folder", folder: recipe.model.path)
    try arguments.begin(
      recipe, in: folder, origins: origins, on: device, data: ("\(text)", text.fingerprint),
      phases: [phase]
    ) { try chosen + findings(text, phase) }
    if !folder.isFinished(arm.name) {
      try arm.train(
        setup(text), options, folder: folder, origins: origins,
        store: VariableStore(on: device, seed: recipe.seed), prefix: arm.name,
        profiles: RunProfiles(arguments.profiling, in: folder),
        export: ModelExport(
          tokenizer: tokenizer, precision: recipe.training.export,
          use: .languageModel(rowsOf: recipe.data.sequenceLength)))
    }
    try judge(text, on: device)
  }

  /// Measures the model on held-out text, and leaves what was found in the run's folder.
  private func judge(_ text: RunText, on device: any Device) throws {
    let start = ContinuousClock.now
    let store = VariableStore(on: device, seed: recipe.seed)
    try arm.load(into: store)
    let progress = JudgingProgress(arm.name, in: folder, command: TrainRecipe.command)
    let result = try evaluate(
      model, teacher: nil, on: text.heldOut, batchSize: recipe.training.batchSize,
      classCount: classCount, store: store
    ) { try progress.show(done: $0, of: $1, "batches") }
    let found = ArmResult(
      arm.name, parameterCount: arm.model.parameterCount,
      [ArmEvaluation(result, bytesPerToken: text.bytesPerToken)], speed: Speed.unknown,
      cost: folder.cost(of: arm.name))
    let outcome = Outcome(
      [found], quality: "bits_per_byte", answers: nil, sentences: [],
      seconds: (ContinuousClock.now - start).seconds)
    for reason in folder.about?.forced ?? [] {
      try tell(prose: "This run was forced although \(reason).\n")
    }
    try tell(
      prose: "held out: \(fixed(result.natsPerToken, 4)) nats/token, "
        + "\(fixed(found["bits_per_byte"] ?? .nan, 4)) bits/byte; the model is in \(arm.directory.url.relativePath), "
        + "\(folder.name)/report.html shows more"
    )
    try folder.write(outcome.json(of: folder.about).json + "\n", to: RunFolder.evaluation)
    try folder.describe([arm.name], by: outcome)
    try folder.writeReport()
  }
}
