// Losses on one batch, for tests of objectives.
import Checks
import Tensors
import Training

/// The total of a loss on a batch, its logged sums, and gradients with respect to some tensors. The objective's own
/// parameters are declared in `store`.
func lossValues(
  _ objective: any Objective, on batch: Batch, store: VariableStore,
  gradientsFor parameters: [Tensor] = []
) throws -> (total: Float, sums: [(name: String, value: Float)], slopes: [TensorData]) {
  for (name, tensor) in objective.parameters { try store.declare(name, tensor) }
  let inputs = Inputs(like: batch)
  let loss = objective.loss(inputs)
  let slopes = gradients(of: loss.total, withRespectTo: parameters)
  let executor = try GraphExecutor(
    Graph(outputs: [loss.total] + loss.logged.map(\.sum) + slopes), on: store)
  try inputs.set(batch, on: executor)
  try executor.run()
  return (
    try executor.value(of: loss.total).floats[0],
    try loss.logged.map { ($0.name, try executor.value(of: $0.sum).floats[0]) },
    try slopes.map { try executor.value(of: $0) }
  )
}

extension TensorData {
  /// The largest of some numbers, whatever their signs.
  static func largest(_ data: [TensorData]) -> Float {
    data.flatMap(\.floats).map(abs).max() ?? .nan
  }
}
