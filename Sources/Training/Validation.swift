// The loss on rows that are neither trained on nor judged by.
import Tensors

/// Measures a model while it is trained, so that its best weights can be kept.
final class Validation {
  private let loss: Tensor
  private let inputs: Inputs
  private let executor: GraphExecutor
  private let batches: Batches

  /// What `objective` measures on `data`, with weights of `store`.
  init(
    _ objective: any Objective, on data: any Dataset, _ options: TrainingOptions,
    store: VariableStore
  ) throws {
    batches = data.batches(of: options.batchSize)
    inputs = Inputs(of: data, rowCount: options.batchSize)
    loss = objective.validationLoss(inputs).total
    executor = try GraphExecutor(
      Graph(outputs: [loss]), on: store, options: .init(storage: options.precision.storage))
  }

  /// The mean loss over the targets that count.
  func measure() throws -> Double {
    var (sum, count) = (0.0, 0)
    try batches.each { batch in
      try inputs.set(batch, on: executor)
      try executor.run()
      sum += Double(try executor.value(of: loss).floats[0])
      count += batch.weight
    }
    return sum / Double(max(1, count))
  }
}

/// The weights with the smallest validation loss so far.
struct BestWeights {
  let step: Int
  let loss: Double
}
