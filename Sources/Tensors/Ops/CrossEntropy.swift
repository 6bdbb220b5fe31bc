// The negative log-likelihood of labels.
import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// loss = -log softmax(z)[label] per row; 0 where the label is negative.
///
/// Operands: z [..., V], labels int32 [...]. Results: loss [...], log-sum-exp of z [...].
package struct CrossEntropy: KernelOp {
  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    demand(
      operands[1] == TensorType(Shape(Array(operands[0].shape.extents.dropLast())), .int32),
      "cross-entropy: logits \(operands[0]) do not fit labels \(operands[1])")
    let rows = TensorType(operands[1].shape)
    return [rows, rows]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    demand(resultGradients[1] == nil, "cross-entropy: the log-sum-exp has no gradient")
    return [
      resultGradients[0].map {
        CrossEntropyGradient()(
          application.operands[0], application.operands[1], application.result(1), $0)[0]
      }, nil,
    ]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let z = operands[0].floats.map(Double.init)
    let labels = operands[1].integers
    let sums = labels.indices.map { logSumExp(Array(z[$0 * columns..<($0 + 1) * columns])) }
    let losses = labels.enumerated().map { row, label in
      label < 0
        ? Float(0) : label < columns ? Float(sums[row] - z[row * columns + Int(label)]) : .nan
    }
    return [
      TensorData(operands[1].shape, losses), TensorData(operands[1].shape, sums.map { Float($0) }),
    ]
  }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .rows(
        "cross_entropy", file: "crossentropy.cl", rowCount: shape.rowCount,
        arguments: [
          .operand(0), .operand(1), .result(0), .result(1), .int(shape.rowCount),
          .int(shape.columnCount),
        ], on: traits)
    ])
  }
}

/// dz = (softmax(z) - onehot(label)) dloss. Operands: z, labels, log-sum-exp, dloss.
struct CrossEntropyGradient: KernelOp {
  func resultTypes(_ operands: [TensorType]) -> [TensorType] { [operands[0]] }

  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    fatal("the second derivative of cross-entropy is not defined")
  }

  func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let z = operands[0].floats
    let (labels, sums, slopes) = (operands[1].integers, operands[2].floats, operands[3].floats)
    let dz = z.indices.map { i -> Float in
      let row = i / columns
      if labels[row] < 0 { return 0 }
      if labels[row] >= columns { return .nan }
      let probability = exp(Double(z[i]) - Double(sums[row]))
      return Float((probability - (i % columns == labels[row] ? 1 : 0)) * Double(slopes[row]))
    }
    return [TensorData(operands[0].shape, dz)]
  }

  func mayOverwrite(operand: Int, with result: Int) -> Bool { operand == 0 }

  func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .rows(
        "cross_entropy_gradient", file: "crossentropy.cl", rowCount: shape.rowCount,
        arguments: (0..<4).map { .operand($0) } + [
          .result(0), .int(shape.rowCount), .int(shape.columnCount),
        ], on: traits)
    ])
  }
}

extension Tensor {
  /// The cross-entropy to labels, -log softmax(self)[label], one number per row: logits [..., V],
  /// labels int32 [...]. Rows with a negative label do not count: they give 0. A label that is
  /// no class gives NaN.
  public func crossEntropy(labels: Tensor) -> Tensor { CrossEntropy()(self, labels)[0] }
}
