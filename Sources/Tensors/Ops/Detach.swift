// Where gradients stop.

/// The operand itself, through which no gradient flows.
package struct Detach: Op {
  package func resultTypes(_ operands: [TensorType]) -> [TensorType] { [operands[0]] }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    [nil]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] { operands }

  package var isView: Bool { true }
}
