// `retort train`
import ArgumentParser
import Foundation
import Models
import Storage
import Tensors
import Text

struct Train: TalkativeCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train one language model on text.",
    discussion: """
      Without a recipe, a small model learns Debian's `fortunes`. Any key of the recipe can be set
      on the command line: --set model.layers=4 --set data.files=[a.txt,b.txt]
      With --model a model that exists is trained further, with its own tokenizer.
      The finished model is in RUN/model, ready for `retort generate` and `retort evaluate`.
      """)

  @Option(help: "The folder of a model to train further.")
  var model: String?

  @OptionGroup var schedule: StepOptions
  @OptionGroup var arguments: RunArguments
  @OptionGroup var messages: MessageOptions

  func validate() throws {
    if arguments.resume, model != nil || schedule.areGiven {
      throw ValidationError(
        "--resume goes on with the recipe in the folder; it takes no options that change it.")
    }
  }

  func run() throws {
    Interrupt.install()
    let start = ContinuousClock.now
    let folder = try arguments.folder()
    let settings = model.map { ["model.path=\(quoted($0))"] } ?? []
    var recipe = try arguments.recipe(
      TrainRecipe.self, in: folder, settings: settings + schedule.settings(of: "model"))
    let tokenizer = try RunTokenizer.of(recipe.data, model: recipe.model.path)
    let arm = try Arm(
      "model", recipe.model, vocabularySize: tokenizer.tokenizer.vocabularySize,
      sequenceLength: recipe.data.sequenceLength, folder: folder)
    let model = try arm.languageModel()
    // Tokens that the model's table has not may be there, as long as no text holds them.
    let classCount = min(tokenizer.tokenizer.vocabularySize, model.vocabularySize)
    let (device, text) = try arguments.open {
      try RunText(recipe.data, tokenizer, classCount: classCount, seed: recipe.seed)
        .slice(recipe.model.textShare)
    }
    recipe.model.settleSteps(on: text.training, recipe.training)
    let weights = FrozenWeights(on: device)
    let phase = try recipe.phase(arm, text, classCount: classCount, weights: weights)
    let chosen = try recipe.settle(phase, judgedRows: text.heldOut.count, since: start)
    var origins = RunOrigins()
    try origins.add(recipe)
    origins.add("the text", text.fingerprint)
    try origins.add("the model's folder", folder: recipe.model.path)
    let doctor = TrainingDoctor(
      arm: arm, text: text, classCount: classCount, recipe: recipe, weights: weights)
    try arguments.begin(
      recipe, in: folder, origins: origins, on: device, data: ("\(text)", text.fingerprint),
      phases: [phase]
    ) { try chosen + doctor.findings(phase) }
    if !folder.isFinished(arm.name) {
      let options = recipe.training.options(for: recipe.model, seed: recipe.seed)
      try arm.train(
        recipe.setup(model, text, classCount: classCount), options, folder: folder,
        origins: origins,
        store: VariableStore(on: device, seed: recipe.seed), prefix: arm.name,
        profiles: RunProfiles(arguments.profiling, in: folder),
        export: ModelExport(
          tokenizer: tokenizer, precision: recipe.training.export,
          use: .languageModel(rowsOf: recipe.data.sequenceLength)))
    }
    let judging = ContinuousClock.now
    let store = VariableStore(on: device, seed: recipe.seed)
    try arm.load(into: store)
    let progress = JudgingProgress(arm.name, in: folder, command: "train")
    let result = try evaluate(
      model, teacher: nil,
      on: text.heldOut, batchSize: recipe.training.batchSize, classCount: classCount, store: store
    ) { try progress.show(done: $0, of: $1, "batches") }
    let found = ArmResult(
      arm.name, parameterCount: arm.model.parameterCount,
      [ArmEvaluation(result, bytesPerToken: text.bytesPerToken)], speed: Speed.unknown,
      cost: folder.cost(of: arm.name))
    let outcome = Outcome(
      [found], quality: "bits_per_byte", answers: nil, sentences: [],
      seconds: (ContinuousClock.now - judging).seconds)
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
