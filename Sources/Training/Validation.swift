// The loss on rows that are neither trained on nor judged by.
import Base
import Tensors

/// Measures a model while it is trained, so that its best weights can be kept.
final class Validation {
  private let pass: PassOverData

  /// What `objective` measures on `data`, with weights of `store`.
  init(
    _ objective: any Objective, on data: any Dataset, _ options: TrainingOptions,
    store: VariableStore
  ) throws {
    guard data.count > 0 else {
      throw UserError(
        "The validation data have no rows. Give some, or none, and the last weights are kept.")
    }
    pass = try PassOverData(
      over: data, batchSize: options.batchSize, on: store, storage: options.precision.storage
    ) { objective.validationLoss($0).total }
  }

  /// The mean loss over the targets that count.
  func measure() throws -> Double {
    var (sum, count) = (0.0, 0)
    try pass.each { batch, loss in
      sum += Double(loss.floats[0])
      count += batch.weight
    }
    return sum / Double(max(1, count))
  }
}

/// The weights with the smallest validation loss so far.
struct BestWeights {
  let step: Int
  let loss: Double
  /// The parameters' values, where no file keeps them.
  var values: [TensorData] = []
}
