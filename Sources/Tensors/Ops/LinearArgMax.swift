// The likeliest classes of a head's logits, without the logits of all tokens at once.
import Base

/// With logits z = x W^T, perhaps with a cap (`Head`), per row: the class of the largest, the first of equals, and the negative
/// logarithm of its probability softmax(z), in nats. Rows are handled in chunks, as by `LinearLoss`.
///
/// Operands: x [..., C], W [V, C]. Results: int32 [...] and [...]. Nothing flows back. Rows of W beyond `classCount` are no
/// classes.
package struct LinearArgMax: KernelOp {
  let classCount: Int
  var cap: Float?

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let (x, weight) = (operands[0].shape, operands[1].shape)
    demand(
      weight.rank == 2 && x.rank > 0 && weight[1] == x.columnCount
        && (1...weight[0]).contains(classCount),
      "linear argmax: operands do not fit: \(operands)")
    let rows = Shape(Array(x.extents.dropLast()))
    return [TensorType(rows, .int32), TensorType(rows)]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    [nil, nil]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let (x, weight) = (operands[0], operands[1].prefix(classCount))
    let rows = x.reshaped(to: [x.shape.rowCount, x.shape.columnCount])
    let head = MatMul(transposeA: false, transposeB: true)
    let logits = Head.capped(head.reference([rows, weight])[0], cap)
    let best = ArgMax().reference([logits])[0]
    let surprise = CrossEntropy().reference([logits, best])[0]
    let shape = Shape(Array(x.shape.extents.dropLast()))
    return [best.reshaped(to: shape), surprise.reshaped(to: shape)]
  }

  package func mayBeNarrow(operand: Int) -> Bool { true }
  package func mayBeQuantized(operand: Int) -> Bool { operand == 1 }

  package func flopCount(_ operands: [TensorType]) -> Double {
    2 * Double(operands[0].elementCount) * Double(classCount)
  }

  package func products(_ operands: [TensorType]) -> [MatMulProblem] {
    [
      MatMulProblem(
        m: HeadChunks.size(operands[0].shape.rowCount, classCount: classCount), n: classCount,
        k: operands[1].shape[1], transposeA: false, transposeB: true)
    ]
  }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    var chunks = HeadChunks(
      rowCount: operands[0].shape.rowCount, classCount: classCount, on: traits)
    let logits = chunks.reserve(4 * chunks.size * classCount)
    let x = chunks.rows(of: .operand(0), operands[0])
    let weight = TensorType([classCount, operands[1].shape[1]], operands[1].elementType)
    chunks.each { chunks, first, count in
      chunks.copy(.operand(0), first, x, 0, count, operands[0].shape.columnCount)
      chunks.logits(
        [TensorType([count, weight.shape[1]], operands[0].elementType), weight],
        [x, .operand(1)], cap, to: logits)
      chunks.calls.append(
        .rows(
          "linear_argmax", file: "linearargmax.cl", rowCount: count,
          arguments: [
            logits, .result(0), .result(1), .int(count), .int(classCount), .int(first),
          ], on: traits))
    }
    return chunks.launches
  }
}

extension LinearArgMax {
  /// The likeliest of a head's first `classCount` classes for hidden states [..., C], int32 [...], and the negative logarithms of
  /// their probabilities, [...] in nats.
  package static func likeliest(
    hidden: Tensor, head: Head, classCount: Int
  ) -> (classes: Tensor, surprises: Tensor) {
    let results = LinearArgMax(classCount: classCount, cap: head.cap)(hidden, head.weight)
    return (results[0], results[1])
  }
}
