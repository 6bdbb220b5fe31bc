// The loss on rows that are neither trained on nor judged by.
import Tensors

/// Measures a model while it is trained, so that its best weights can be kept.
final class Validation {
  private let loss: Tensor
  private let inputs: [BatchInput]
  private let tokens: Tensor
  private let labels: Tensor
  private let executor: GraphExecutor
  private let batches: [TokenBatch]

  /// What `objective` measures on `data`, with weights of `store`.
  init(
    _ objective: any Objective, on data: any TokenData, _ options: TrainingOptions,
    store: VariableStore
  ) throws {
    batches = data.evaluationBatches(size: options.batchSize)
    let shape: Shape = [options.batchSize, data.length]
    tokens = .input("tokens", TensorType(shape, .int32))
    labels = .input("labels", TensorType(shape, .int32))
    let parts = objective.validationLoss(tokens: tokens, labels: labels)
    loss = parts.total
    inputs = parts.inputs
    executor = try GraphExecutor(
      Graph(outputs: [loss]), on: store, options: .init(storage: options.precision.storage))
  }

  /// The mean loss over the targets that count.
  func measure() throws -> Double {
    var (sum, count) = (0.0, 0)
    for batch in batches {
      try executor.set(tokens, to: batch.tokens)
      try executor.set(labels, to: batch.labels)
      for input in inputs { try executor.set(input.tensor, to: input.value(batch)) }
      try executor.run()
      sum += Double(try executor.value(of: loss).floats[0])
      count += batch.targetCount
    }
    return sum / Double(max(1, count))
  }
}

/// The weights with the smallest validation loss so far.
struct BestWeights {
  let step: Int
  let loss: Double
}
