// Rows of a table, by number.
import Base

/// y[n] = table[ids[n]]. Operands: table [R, C], ids int32 [...]. Result: [..., C].
package struct Gather: KernelOp {
  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    demand(
      operands[0].shape.rank == 2 && operands[1].elementType == .int32,
      "gather: table \(operands[0]), ids \(operands[1])")
    return [TensorType(Shape(operands[1].shape.extents + [operands[0].shape[1]]))]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    let operands = application.operands
    let gradient = resultGradients[0].map {
      GatherGradient(rowCount: operands[0].shape[0])(operands[1], $0)[0]
    }
    return [gradient, nil]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape[1]
    let table = operands[0].floats
    let y = operands[1].integers.flatMap { id in
      (0..<operands[0].shape[0]).contains(Int(id))
        ? table[Int(id) * columns..<(Int(id) + 1) * columns]
        : [Float](repeating: .nan, count: columns)[...]
    }
    return [TensorData(resultTypes(operands.map(\.type))[0].shape, y)]
  }

  package func mayBeNarrow(operand: Int) -> Bool { operand == 0 }
  package func mayBeQuantized(operand: Int) -> Bool { operand == 0 }
  package func mayBeNarrow(result: Int) -> Bool { true }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let count = operands[1].elementCount
    return Launches([
      .rows(
        "gather", file: "gather.cl", rowCount: count,
        arguments: [
          .operand(0, "table"), .operand(1), .result(0, "y"), .int(operands[0].shape[0]),
          .int(count),
          .int(operands[0].shape[1]),
        ], on: traits)
    ])
  }
}

/// dtable[r] = the sum of dy[n] over the n with ids[n] = r, in order. Operands: ids, dy.
struct GatherGradient: KernelOp {
  let rowCount: Int

  func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    [TensorType([rowCount, operands[1].shape.columnCount])]
  }

  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    fatal("the second derivative of gather is not defined")
  }

  func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[1].shape.columnCount
    let dy = operands[1].floats
    var sums = [Double](repeating: 0, count: rowCount * columns)
    for (n, id) in operands[0].integers.enumerated() where (0..<rowCount).contains(Int(id)) {
      for c in 0..<columns { sums[Int(id) * columns + c] += Double(dy[n * columns + c]) }
    }
    return [TensorData([rowCount, columns], sums.map { Float($0) })]
  }

  func mayBeNarrow(operand: Int) -> Bool { operand == 1 }
  func mayBeNarrow(result: Int) -> Bool { false }

  func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let count = operands[0].elementCount
    let columns = operands[1].shape.columnCount
    let size = rowCount * columns
    let defines = ["VECTOR": traits.vectorWidth]
    let most = traits.family == .cpu ? traits.computeUnits * 16 : 1 << 16
    var gradient = KernelCall.rows(
      "gather_gradient", file: "gather.cl", rowCount: count,
      arguments: [
        .operand(0), .scratch(0), .scratch(1), .operand(1, "dy"), .result(0), .int(rowCount),
        .int(count), .int(columns),
      ], on: traits)
    gradient.followsLinks = true
    return Launches(
      [
        .items(
          "gather_clear", file: "gather.cl",
          count: min(max(ceilDivide(size, traits.vectorWidth), count), most), defines: defines,
          arguments: [.result(0), .scratch(1), .int(size), .int(count)], on: traits),
        .items(
          "gather_links", file: "gather.cl", count: min(count, most), defines: defines,
          arguments: [.operand(0), .scratch(0), .scratch(1), .int(count)], on: traits),
        gradient,
      ], scratch: [4 * count, 4 * count])
  }
}

extension Tensor {
  /// The rows of this table [R, C] that `ids`, int32 [...], name: [..., C]. An id that names none gives NaN.
  public func gathered(_ ids: Tensor) -> Tensor { Gather()(self, ids)[0] }
}
