// Normalised exponentials along rows.
import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// softmax(x)_j = exp(x_j) / sum exp(x_k) along the last axis, or its logarithm.
package struct Softmax: KernelOp {
  let isLogarithm: Bool

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] { [operands[0]] }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    resultGradients.map { dy in
      dy.map { SoftmaxGradient(isLogarithm: isLogarithm)(application.result(0), $0)[0] }
    }
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let x = operands[0].floats
    var y = x
    for start in stride(from: 0, to: x.count, by: max(columns, 1)) {
      let row = x[start..<start + columns].map(Double.init)
      let logSum = logSumExp(row)
      for j in 0..<columns {
        y[start + j] = Float(isLogarithm ? row[j] - logSum : exp(row[j] - logSum))
      }
    }
    return [TensorData(operands[0].shape, y)]
  }

  package func mayOverwrite(operand: Int, with result: Int) -> Bool { true }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .rows(
        isLogarithm ? "log_softmax" : "softmax", file: "softmax.cl", rowCount: shape.rowCount,
        arguments: [.operand(0), .result(0), .int(shape.rowCount), .int(shape.columnCount)],
        on: traits)
    ])
  }
}

/// dx = y (dy - sum y dy), or dy - exp(y) sum dy for the logarithm. Operands: y, dy.
struct SoftmaxGradient: KernelOp {
  let isLogarithm: Bool

  func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    demand(operands[0] == operands[1], "softmax gradient: \(operands[0]), \(operands[1])")
    return [operands[0]]
  }

  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    fatal("the second derivative of softmax is not defined")
  }

  func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let y = operands[0].floats.map(Double.init)
    let dy = operands[1].floats.map(Double.init)
    let dx = y.indices.map { i -> Float in
      let row = i / columns * columns..<(i / columns + 1) * columns
      if isLogarithm { return Float(dy[i] - exp(y[i]) * row.reduce(0) { $0 + dy[$1] }) }
      return Float(y[i] * (dy[i] - row.reduce(0) { $0 + y[$1] * dy[$1] }))
    }
    return [TensorData(operands[0].shape, dx)]
  }

  func mayOverwrite(operand: Int, with result: Int) -> Bool { true }

  func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .rows(
        isLogarithm ? "log_softmax_gradient" : "softmax_gradient", file: "softmax.cl",
        rowCount: shape.rowCount,
        arguments: [
          .operand(0), .operand(1), .result(0), .int(shape.rowCount), .int(shape.columnCount),
        ], on: traits)
    ])
  }
}

/// log(sum exp(x)), without overflow.
func logSumExp(_ x: [Double]) -> Double {
  guard let highest = x.max() else { return -.infinity }
  return highest + log(x.reduce(0) { $0 + exp($1 - highest) })
}

extension Tensor {
  /// exp(x) / sum exp(x) along the last axis.
  public func softmax() -> Tensor { Softmax(isLogarithm: false)(self)[0] }

  /// log(softmax(x)) along the last axis.
  public func logSoftmax() -> Tensor { Softmax(isLogarithm: true)(self)[0] }
}
