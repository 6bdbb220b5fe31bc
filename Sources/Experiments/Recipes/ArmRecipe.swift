// How long and how fast a model of a run learns, as its recipe says it.
import Foundation
import Training

/// How a kind of arm is trained, beside what all have in common.
package struct ArmRecipe: RecipeSection {
  @Key("Steps of the optimizer.", .from(1, to: 100_000_000))
  package var steps = 250

  @Key(
    "Passes over what the model reads of the data, in place of steps; 0 takes the steps.",
    .from(0, to: 100_000))
  package var epochs = 0.0

  @Key(
    """
    The highest learning rate. 0 takes what suits: 0.004 for new models (0.003 for teachers), 0.0001 for others; with sgd \
    a hundred times as much.
    """,
    .share)
  package var learningRate = 0.0

  package init() {}

  static var teacher: ArmRecipe {
    var teacher = ArmRecipe()
    teacher.steps = 500
    return teacher
  }

  func validate(_ section: String) throws {
    try require(
      Float(learningRate) >= .leastNormalMagnitude, "\(section).learning_rate",
      "above 0 and at most 1")
  }

  /// Settles a learning rate that is left open.
  mutating func resolve(rateOfNew: Double, isStarted: Bool, _ training: TrainingRecipe) {
    guard learningRate == 0 else { return }
    learningRate = (isStarted ? 1e-4 : rateOfNew) * training.optimizer.rateFactor
  }

  /// Settles the steps, where passes over some data decide them.
  package mutating func settleSteps(on data: any Dataset, _ training: TrainingRecipe) {
    guard epochs > 0 else { return }
    let passes = epochs * Double(data.count) / Double(training.rowsPerStep)
    steps = Int(min(1e8, max(1, passes.rounded(.up))))
  }
}

/// Which parts of the teacher a student begins with.
package struct ReductionRecipe: RecipeSection {
  @Key("Numbers of the teacher's layers, from 0; empty keeps all.")
  package var layers: [Int] = []

  @Key("The width that is kept; 0 keeps all.", .notNegative)
  package var width = 0

  package init() {}

  package var isWanted: Bool { !layers.isEmpty || width != 0 }
}
