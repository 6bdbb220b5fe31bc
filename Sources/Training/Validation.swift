// The loss on rows that are neither trained on nor judged by.
import Base
import Tensors

/// A tensor of the fields of a batch, over all batches of some data.
struct PassOverData {
  private let batches: Batches
  /// A graph for whole batches, and one for a last batch that is smaller.
  private let parts: [(inputs: Inputs, result: Tensor, executor: GraphExecutor)]

  /// `formula` makes a tensor of the fields of a batch.
  init(
    over data: any Dataset, batchSize: Int, on store: VariableStore,
    storage: ElementType = .float32, _ formula: (Inputs) -> Tensor
  ) throws {
    batches = data.batches(of: batchSize)
    let rest = data.fillsBatches ? 0 : data.count % batchSize
    let sizes = (data.fillsBatches || data.count >= batchSize ? [batchSize] : []) + [rest]
    parts = try sizes.filter { $0 > 0 }.map { size in
      let inputs = Inputs(of: data, rowCount: size)
      let result = formula(inputs)
      let executor = try GraphExecutor(
        Graph(outputs: [result]), on: store, options: .init(storage: storage))
      return (inputs, result, executor)
    }
  }

  /// Calls `body` with each batch and the tensor's value.
  func each(_ body: (Batch, TensorData) throws -> Void) throws {
    try batches.each { batch in
      let size = batch.values.values.first?.shape[0] ?? 0
      guard let part = parts.first(where: { $0.inputs.rowCount == size }) else {
        fatal("a batch has \(size) rows")
      }
      try part.inputs.set(batch, on: part.executor)
      try part.executor.run()
      try body(batch, part.executor.value(of: part.result))
    }
  }
}

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
