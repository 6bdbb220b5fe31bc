// How far a student's distribution is from its teacher's.
import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A divergence between p = softmax(teacher / T) and q = softmax(student / T) per row; 0 where the
/// label is negative.
///
/// Operands: student [..., V], teacher [..., V], labels int32 [...]. Results: loss [...], and the
/// sums [..., 3] that the gradient needs. No gradient flows to the teacher.
package struct Divergence: KernelOp {
  let kind: Kind
  let temperature: Float

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let rows = Shape(Array(operands[0].shape.extents.dropLast()))
    demand(
      operands[0] == operands[1] && operands[2] == TensorType(rows, .int32),
      "divergence: student \(operands[0]), teacher \(operands[1]), labels \(operands[2])")
    return [TensorType(rows), TensorType(Shape(rows.extents + [3]))]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    demand(resultGradients[1] == nil, "divergence: the sums have no gradient")
    let operands = application.operands
    let gradient = resultGradients[0].map {
      DivergenceGradient(kind: kind, temperature: temperature)(
        operands[0], operands[1], operands[2], application.result(1), $0)[0]
    }
    return [gradient, nil, nil]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let labels = operands[2].integers
    var losses: [Float] = []
    var sums: [Float] = []
    for row in labels.indices {
      let range = row * columns..<(row + 1) * columns
      let s = operands[0].floats[range].map { Double($0) / Double(temperature) }
      let t = operands[1].floats[range].map { Double($0) / Double(temperature) }
      let (sumS, sumT) = (logSumExp(s), logSumExp(t))
      var loss = 0.0
      var inner = 0.0
      for j in 0..<columns {
        let (lp, lq) = (t[j] - sumT, s[j] - sumS)
        loss += kind.term(lp, lq)
        inner += kind.weightedSlope(lp, lq)
      }
      losses.append(labels[row] < 0 ? 0 : Float(loss))
      sums += [Float(sumS), Float(sumT), Float(inner)]
    }
    let shape = operands[2].shape
    return [TensorData(shape, losses), TensorData(Shape(shape.extents + [3]), sums)]
  }

  /// The constants that follow the sizes in both kernels' arguments.
  static func constants(_ kind: Kind, _ temperature: Float) -> [KernelCall.Argument] {
    let beta = kind.mixture
    let logs = [Float(log(Double(beta))), Float(log(1 - Double(beta)))]
    return ([1 / temperature, beta] + logs).map { .float($0) }
  }

  static func define(_ kind: Kind) -> [String: Int] {
    switch kind {
    case .forwardKL: ["KIND": 0]
    case .reverseKL: ["KIND": 1, "LOG_FLOOR": Int(logFloor)]
    case .jensenShannon: ["KIND": 2]
    case .skewKL: ["KIND": 3]
    case .skewReverseKL: ["KIND": 4]
    case .totalVariation: ["KIND": 5]
    }
  }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .rows(
        "divergence", file: "divergence.cl", rowCount: shape.rowCount,
        defines: Self.define(kind),
        arguments: [
          .operand(0), .operand(1), .operand(2), .result(0), .result(1), .int(shape.rowCount),
          .int(shape.columnCount),
        ] + Self.constants(kind, temperature), on: traits)
    ])
  }
}

/// The gradient with respect to the student's logits. Operands: student, teacher, labels, sums,
/// dloss. Per row, with g the derivative of the loss with respect to q: q (g - sum q g) / T.
struct DivergenceGradient: KernelOp {
  let kind: Divergence.Kind
  let temperature: Float

  func resultTypes(_ operands: [TensorType]) -> [TensorType] { [operands[0]] }

  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    fatal("the second derivative of a divergence is not defined")
  }

  func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let (labels, sums, slopes) = (operands[2].integers, operands[3].floats, operands[4].floats)
    let (student, teacher) = (operands[0].floats, operands[1].floats)
    let gradient = student.indices.map { i -> Float in
      let row = i / columns
      if labels[row] < 0 { return 0 }
      let lq = Double(student[i]) / Double(temperature) - Double(sums[3 * row])
      let lp = Double(teacher[i]) / Double(temperature) - Double(sums[3 * row + 1])
      let inner = Double(sums[3 * row + 2])
      let slope = kind.slope(lp, lq, inner: inner)
      return Float(slope / Double(temperature) * Double(slopes[row]))
    }
    return [TensorData(operands[0].shape, gradient)]
  }

  func mayOverwrite(operand: Int, with result: Int) -> Bool { operand == 0 }

  func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .rows(
        "divergence_gradient", file: "divergence.cl", rowCount: shape.rowCount,
        defines: Divergence.define(kind),
        arguments: (0..<5).map { .operand($0) } + [
          .result(0), .int(shape.rowCount), .int(shape.columnCount),
        ] + Divergence.constants(kind, temperature), on: traits)
    ])
  }
}

extension Divergence {
  /// Traps for numbers that make no sense.
  static func check(_ kind: Kind, _ temperature: Float) {
    demand(temperature > 0, "a temperature is positive, not \(temperature)")
    demand(
      kind.mixture > 0 && kind.mixture < 1,
      "the mixture of \(kind) has a weight between 0 and 1, not at an end")
  }

  /// The divergence of a student from its teacher at a temperature, one number per row, without the
  /// factor T^2: logits [..., V] of equal shape, labels int32 [...]. Rows with a negative label do
  /// not count: they give 0.
  package static func between(
    student: Tensor, teacher: Tensor, labels: Tensor, _ kind: Kind, temperature: Float
  ) -> Tensor {
    check(kind, temperature)
    return Divergence(kind: kind, temperature: temperature)(student, teacher, labels)[0]
  }
}
