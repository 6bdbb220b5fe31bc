// A model of a run, as its recipe says it.
import Foundation
import Models
import Training

/// Which parts of the teacher a student begins with.
struct ReductionRecipe: Codable {
  /// Numbers of the teacher's layers, from 0; empty keeps all.
  var layers: [Int] = []
  /// The width that is kept; 0 keeps all.
  var width = 0

  var isWanted: Bool { !layers.isEmpty || width != 0 }
}

/// A model: a folder to load it from, parts of a teacher, or the sizes of a new one; and how long it is
/// trained.
struct ModelRecipe: Codable {
  /// A folder with `config.json` and weights; empty makes a new model.
  var path = ""
  var fromTeacher = ReductionRecipe()
  var layers: Int
  var width: Int
  var heads: Int
  var keyValueHeads: Int
  var mlpWidth: Int
  var steps: Int
  /// Passes over the text that decide the steps; 0 takes the steps as they are.
  var epochs = 0.0
  /// The share of the training text that the model reads; 0 takes little (0.02) for the student of a
  /// teacher that the run trains, and all otherwise.
  var textShare = 0.0
  /// 0 takes what suits the model: new ones learn faster than trained ones bear.
  var learningRate = 0.0

  enum CodingKeys: String, CodingKey {
    case path, layers, width, heads, steps, epochs
    case fromTeacher = "from_teacher"
    case keyValueHeads = "key_value_heads"
    case mlpWidth = "mlp_width"
    case textShare = "text_share"
    case learningRate = "learning_rate"
  }

  static let teacher = ModelRecipe(
    layers: 3, width: 128, heads: 2, keyValueHeads: 2, mlpWidth: 344, steps: 500)
  static let student = ModelRecipe(
    layers: 2, width: 64, heads: 2, keyValueHeads: 2, mlpWidth: 172, steps: 250)

  /// Settles what is left open: a learning rate, with the one that suits new models, and a share of the text.
  mutating func resolve(rateOfNew: Double, textShare: Double = 1) {
    if self.textShare == 0 { self.textShare = textShare }
    guard learningRate == 0 else { return }
    learningRate = path.isEmpty && !fromTeacher.isWanted ? rateOfNew : 1e-4
  }

  /// Settles the steps, where passes over some data decide them.
  mutating func settleSteps(on data: any TokenData, _ training: TrainingRecipe) {
    guard epochs > 0 else { return }
    let rows = Double(training.batchSize * training.microBatches)
    steps = Int(min(1e8, max(1, (epochs * Double(data.count) / rows).rounded(.up))))
  }

  func configuration(vocabularySize: Int, contextLength: Int) -> LlamaConfiguration {
    LlamaConfiguration(
      vocabularySize: vocabularySize, width: width, intermediateWidth: mlpWidth,
      layerCount: layers, headCount: heads, keyValueHeadCount: keyValueHeads,
      contextLength: contextLength)
  }
}
