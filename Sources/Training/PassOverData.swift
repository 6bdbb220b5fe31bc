// A formula over all rows of some data.
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

extension Dataset {
  /// What a formula gives for each row, [count, ...], with the variables of a store. `formula` makes a tensor [B, ...] of the
  /// fields of B rows, whose first axis has to be that of the rows. Its graph is prepared anew in every call. Throws where it does
  /// not fit the device; traps where the first axis is of another size.
  public func values(
    on store: VariableStore, batchSize: Int = 64, _ formula: (_ inputs: Inputs) -> Tensor
  ) throws -> TensorData {
    demand(count > 0, "there are no rows")
    let pass = try PassOverData(
      over: self, batchSize: min(max(1, batchSize), count), on: store
    ) { inputs in
      let result = formula(inputs)
      demand(
        result.shape.rank > 0 && result.shape[0] == inputs.rowCount,
        "the formula gives \(result.shape) for \(inputs.rowCount) rows")
      return result
    }
    var parts: [TensorData] = []
    try pass.each { parts.append($1) }
    // Rows that only fill up the last batch come last.
    let all = TensorData(joining: parts)
    return all.shape[0] == count ? all : all.rows(0..<count)
  }
}
