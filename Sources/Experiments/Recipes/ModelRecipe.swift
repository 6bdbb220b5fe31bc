// A model of a run, as its recipe says it.
import Foundation
import Models
import Training

/// Which parts of the teacher a student begins with.
package struct ReductionRecipe: RecipeSection {
  @Key("Numbers of the teacher's layers, from 0; empty keeps all.")
  package var layers: [Int] = []

  @Key("The width that is kept; 0 keeps all.", .notNegative)
  package var width = 0

  package init() {}

  package var isWanted: Bool { !layers.isEmpty || width != 0 }
}

/// A model: a folder to load it from, parts of a teacher, or the sizes of a new one; and how long it is
/// trained.
package struct ModelRecipe: RecipeSection {
  @Key("A folder with config.json and weights; empty makes a new model of the sizes below.")
  package var path = ""

  @Key("Which parts of the teacher it begins with, in place of sizes; for students only.")
  package var fromTeacher = ReductionRecipe()

  @Key("Layers of a new model, which is of Llama's family.", .from(1, to: 200))
  package var layers = 2

  @Key("The width of its hidden states.", .from(1, to: 32_768))
  package var width = 64

  @Key("Its attention heads: a divisor of the width with an even quotient of at most 128.")
  package var heads = 2

  @Key("Its heads of keys and values: a divisor of the number of heads.")
  package var keyValueHeads = 2

  @Key("The width inside its feed-forward layers.", .from(1, to: 131_072))
  package var mlpWidth = 172

  @Key("Steps of the optimizer.", .from(1, to: 100_000_000))
  package var steps = 250

  @Key(
    "Passes over what the model reads of the text, in place of steps; 0 takes the steps.",
    .from(0, to: 100_000))
  package var epochs = 0.0

  @Key(
    """
    The share of the training text that the model reads. 0 takes little (0.02) for the student of a teacher that the \
    run trains, and all otherwise.
    """, .share)
  package var textShare = 0.0

  @Key(
    """
    The highest learning rate. 0 takes what suits: 0.004 for new models (0.003 for teachers), 0.0001 for others; with sgd \
    a hundred times as much.
    """,
    .share)
  package var learningRate = 0.0

  package init() {}

  static var teacher: ModelRecipe {
    var teacher = ModelRecipe()
    (teacher.layers, teacher.width, teacher.mlpWidth, teacher.steps) = (3, 128, 344, 500)
    return teacher
  }

  func validate(_ section: String) throws {
    try require(
      heads > 0 && width % heads == 0 && width / heads % 2 == 0 && width / heads <= 128,
      "\(section).heads",
      "a divisor of the width (\(width)) with an even quotient of at most 128")
    try require(
      keyValueHeads > 0 && heads % keyValueHeads == 0, "\(section).key_value_heads",
      "a divisor of the number of heads (\(heads))")
    try require(
      Float(learningRate) >= .leastNormalMagnitude, "\(section).learning_rate",
      "above 0 and at most 1")
  }

  /// Settles what is left open: a learning rate, with the one that suits new models, and a share of the text.
  mutating func resolve(
    rateOfNew: Double, _ training: TrainingRecipe, textShare: Double = 1
  ) {
    if self.textShare == 0 { self.textShare = textShare }
    guard learningRate == 0 else { return }
    learningRate =
      (path.isEmpty && !fromTeacher.isWanted ? rateOfNew : 1e-4) * training.optimizer.rateFactor
  }

  /// Settles the steps, where passes over some data decide them.
  package mutating func settleSteps(on data: any Dataset, _ training: TrainingRecipe) {
    guard epochs > 0 else { return }
    let passes = epochs * Double(data.count) / Double(training.rowsPerStep)
    steps = Int(min(1e8, max(1, passes.rounded(.up))))
  }

  func configuration(vocabularySize: Int, contextLength: Int) -> LlamaConfiguration {
    LlamaConfiguration(
      vocabularySize: vocabularySize, width: width, intermediateWidth: mlpWidth,
      layerCount: layers, headCount: heads, keyValueHeadCount: keyValueHeads,
      contextLength: contextLength)
  }
}
