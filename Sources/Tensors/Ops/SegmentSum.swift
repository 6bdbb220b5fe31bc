// Sums over parts of rows.
import Base

/// y[r, s] = the sum of x[r, t] over the t with segments[r, t] = s. Operands: x [R, C], segments int32 [R, C], of which those below 0 or
/// from C on are none. Result: [R, C], 0 for segments that have no element.
package struct SegmentSum: KernelOp {
  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    demand(
      operands[0].shape.rank == 2 && operands[1] == TensorType(operands[0].shape, .int32),
      "segment sum: \(operands[0]), segments \(operands[1])")
    return [TensorType(operands[0].shape)]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    [resultGradients[0].map { SegmentSumGradient()($0, application.operands[1])[0] }, nil]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    var sums = [Double](repeating: 0, count: operands[0].shape.elementCount)
    for (i, (x, segment)) in zip(operands[0].floats, operands[1].integers).enumerated()
    where (0..<columns).contains(Int(segment)) {
      sums[i / columns * columns + Int(segment)] += Double(x)
    }
    return [TensorData(operands[0].shape, sums.map { Float($0) })]
  }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .items(
        "segment_sum", file: "segmentsum.cl", count: min(shape[0], 1 << 16),
        arguments: [
          .operand(0), .operand(1), .result(0), .int(shape[0]), .int(shape.columnCount),
        ],
        on: traits)
    ])
  }
}

/// dx[r, t] = dy[r, segments[r, t]], 0 where there is no such segment. Operands: dy, segments.
struct SegmentSumGradient: KernelOp {
  func resultTypes(_ operands: [TensorType]) -> [TensorType] { [TensorType(operands[0].shape)] }

  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    fatal("the second derivative of a segment sum is not defined")
  }

  func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let dy = operands[0].floats
    let dx = operands[1].integers.enumerated().map { i, segment in
      (0..<columns).contains(Int(segment)) ? dy[i / columns * columns + Int(segment)] : 0
    }
    return [TensorData(operands[0].shape, dx)]
  }

  func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    let most = traits.family == .cpu ? traits.computeUnits * 16 : 1 << 16
    return Launches([
      .items(
        "segment_sum_gradient", file: "segmentsum.cl", count: min(shape.elementCount, most),
        arguments: [
          .operand(0), .operand(1), .result(0), .int(shape[0]), .int(shape.columnCount),
        ],
        on: traits)
    ])
  }
}

extension Tensor {
  /// The sums of this tensor [R, C] over parts of its rows, [R, C]: element [r, s] is the sum over the columns whose number in
  /// `segments`, int32 [R, C], is s. What has a number below 0 counts for nothing.
  package func segmentSums(_ segments: Tensor) -> Tensor { SegmentSum()(self, segments)[0] }
}
