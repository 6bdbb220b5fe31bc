// Language models as a training from text alone knows them.
import Base
import Experiments
import Foundation
import Models
import Storage
import Tensors
import Training

/// One language model learns from text, and is measured on held-out windows.
package final class LanguageTrainingTask: TrainingTask {
  private let recipe: TrainRecipe
  private let tokenizer: RunTokenizer
  package let arm: Arm
  private let model: any LanguageModel
  /// Tokens that the model's table has not may be there, as long as no text holds them.
  private let classCount: Int
  private var read: RunText?

  package static var recipeParts: [any RecipePart] { [TextRecipe(), LanguageTrainRecipe()] }
  package static var kind: RecipeKind<TrainRecipe> {
    RecipeKind(LanguageTask.kindName, parts: recipeParts)
  }

  /// `folder` is where the model lies, or would.
  package init(_ recipe: TrainRecipe, in folder: RunFolder) throws {
    self.recipe = recipe
    let (own, length) = (recipe.language, recipe.text.data.sequenceLength)
    tokenizer = try RunTokenizer(
      own.data.tokenizer, model: own.model.path, contextLength: length)
    arm = try Arm(
      "model", own.model, vocabularySize: tokenizer.tokenizer.vocabularySize,
      sequenceLength: length, in: folder)
    model = try arm.languageModel()
    classCount = min(tokenizer.tokenizer.vocabularySize, model.vocabularySize)
  }

  package var export: ModelExport {
    .languageModel(
      tokenizer, precision: recipe.training.export, rowsOf: recipe.text.data.sequenceLength)
  }

  private var text: RunText {
    guard let read else { fatal("the text has not been read") }
    return read
  }

  package func readData() throws -> TaskData {
    let text = try RunText(
      recipe.text.data, tokenizer, packs: recipe.language.data.packing, classCount: classCount,
      seed: recipe.seed
    ).slice(recipe.language.model.textShare)
    read = text
    var data = TaskData(
      description: text.description, fingerprint: text.fingerprint, training: text.training,
      slice: text.training, judgedRows: text.heldOut.count,
      sample: try DataSample(text, tokenizer.tokenizer),
      sources: recipe.text.data.sources + text.answersFrom.phrases)
    data.answers = text.answersFrom.sources
    return data
  }

  package func addOrigins(to origins: inout RunOrigins) throws {
    try origins.add("the model's folder", folder: recipe.language.model.path)
  }

  package func findings(on device: any Device) throws -> [Finding] {
    let (common, path) = (
      TextDoctor(text: text, classCount: classCount), recipe.language.model.path
    )
    guard !path.isEmpty else { return common.targets() }
    // What is looked at does not stay in memory.
    let (size, storage) = (recipe.training.batchSize, recipe.language.model.adapter.base)
    let given = try Arm("given", finished: path, storage: storage)
    return try common.targets()
      + common.perplexity(
        of: given, as: arm.name, teaches: false, batchSize: size, in: FrozenWeights(on: device))
      + common.storage(
        of: given.directory, as: arm.name, batchSize: size, in: FrozenWeights(on: device))
  }

  package func setup() -> TrainingSetup {
    TrainingSetup(
      objective: NextTokenObjective(model, classCount: classCount), data: text.training,
      validation: text.validation)
  }

  package var quality: String { "bits_per_byte" }
  package var speed: [Metric] { Speed.unknown }

  package func evaluate(
    _ store: VariableStore, _ report: @escaping ProgressReport
  ) throws -> ArmEvaluation {
    ArmEvaluation(
      try Text.evaluate(
        model, teacher: nil, on: text.heldOut, batchSize: recipe.training.batchSize,
        classCount: classCount, store: store
      ) { try report($0, $1, "batches") }, bytesPerToken: text.bytesPerToken)
  }
}
