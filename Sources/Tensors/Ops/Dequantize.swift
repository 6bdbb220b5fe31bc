// The numbers of weights that lie in blocks.
import Base

/// A matrix of blocks as single numbers, for what cannot read blocks. Operand: [R, C]. Result: [R, C].
struct Dequantize: KernelOp {
  func resultTypes(_ operands: [TensorType]) -> [TensorType] { [TensorType(operands[0].shape)] }

  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    // Blocks appear when a graph is rewritten, which is after gradients were taken; nothing would flow to frozen weights.
    [nil]
  }

  func reference(_ operands: [TensorData]) -> [TensorData] { [operands[0].stored(as: .float32)] }

  func mayBeNarrow(operand: Int) -> Bool { true }
  func mayBeNarrow(result: Int) -> Bool { true }
  func mayBeQuantized(operand: Int) -> Bool { true }

  func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let (rows, columns) = (operands[0].shape.rowCount, operands[0].shape.columnCount)
    return Launches([
      .rows(
        "dequantize", file: "dequantize.cl", rowCount: rows,
        arguments: [.operand(0, "x"), .result(0, "y"), .int(rows), .int(columns)], on: traits)
    ])
  }
}
