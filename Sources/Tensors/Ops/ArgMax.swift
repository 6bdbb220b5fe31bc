// Where a row is largest.

/// The column of the largest element of each row, the first of equals: [..., C] -> int32 [...].
package struct ArgMax: KernelOp {
  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    [TensorType(Shape(Array(operands[0].shape.extents.dropLast())), .int32)]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    [nil]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let x = operands[0].floats
    let places = (0..<operands[0].shape.rowCount).map { row -> Int32 in
      (1..<max(columns, 1)).reduce(Int32(0)) {
        x[row * columns + $1] > x[row * columns + Int($0)] ? Int32($1) : $0
      }
    }
    return [TensorData(resultTypes(operands.map(\.type))[0].shape, places)]
  }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .rows(
        "argmax", file: "argmax.cl", rowCount: shape.rowCount,
        arguments: [.operand(0), .result(0), .int(shape.rowCount), .int(shape.columnCount)],
        on: traits)
    ])
  }
}

extension Tensor {
  /// The column of the largest element of each row, as int32.
  public func argMax() -> Tensor { ArgMax()(self)[0] }
}
