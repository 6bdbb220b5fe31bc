// Layer and RMS normalisation of rows.
import Base

/// y = gain (x - mean x) / sqrt(var x + epsilon) + bias along the last axis (Ba et al., arXiv
/// 1607.06450), or y = gain x / sqrt(mean x^2 + epsilon) (Zhang and Sennrich, arXiv 1910.07467).
///
/// Operands: x [..., C], gain [C], and for the former bias [C].
package struct Normalize: KernelOp {
  let isRootMeanSquare: Bool
  let epsilon: Float

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let columns: Shape = [operands[0].shape.columnCount]
    demand(
      operands.dropFirst().allSatisfy { $0.shape == columns },
      "normalise: \(operands[0].shape) needs gain and bias of \(columns), "
        + "not \(operands.dropFirst().map(\.shape))")
    return [operands[0]]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    guard let dy = resultGradients[0] else { return application.operands.map { _ in nil } }
    return NormalizeGradient(isRootMeanSquare: isRootMeanSquare, epsilon: epsilon)(
      application.operands[0], application.operands[1], dy)
  }

  /// The mean (0 for RMS) and inverse deviation of a row.
  static func statistics(_ row: ArraySlice<Double>, _ isRootMeanSquare: Bool, _ epsilon: Float)
    -> (mean: Double, scale: Double)
  {
    let count = Double(row.count)
    let mean = isRootMeanSquare ? 0 : row.reduce(0, +) / count
    let square = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    return (mean, 1 / (square + Double(epsilon)).squareRoot())
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let x = operands[0].floats.map(Double.init)
    let gain = operands[1].floats
    let bias = isRootMeanSquare ? nil : operands[2].floats
    var y = [Float](repeating: 0, count: x.count)
    for start in stride(from: 0, to: x.count, by: max(columns, 1)) {
      let (mean, scale) = Self.statistics(x[start..<start + columns], isRootMeanSquare, epsilon)
      for j in 0..<columns {
        y[start + j] = Float(
          (x[start + j] - mean) * scale * Double(gain[j]) + Double(bias?[j] ?? 0))
      }
    }
    return [TensorData(operands[0].shape, y)]
  }

  package func mayOverwrite(operand: Int, with result: Int) -> Bool { operand == 0 }

  package func mayBeNarrow(operand: Int) -> Bool { operand == 0 }
  package func mayBeNarrow(result: Int) -> Bool { true }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .rows(
        "normalize_rows", file: "normalize.cl", rowCount: shape.rowCount,
        defines: ["RMS": isRootMeanSquare ? 1 : 0],
        arguments: [
          .operand(0, "x"), .operand(1), .operand(isRootMeanSquare ? 1 : 2), .result(0, "y"),
          .int(shape.rowCount), .int(shape.columnCount), .float(epsilon),
        ], on: traits)
    ])
  }
}

/// Operands: x, gain, dy. Results: dx, dgain, and dbias where there is a bias.
struct NormalizeGradient: KernelOp {
  let isRootMeanSquare: Bool
  let epsilon: Float

  func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    [operands[0], operands[1]] + (isRootMeanSquare ? [] : [operands[1]])
  }

  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    fatal("the second derivative of a normalisation is not defined")
  }

  func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let x = operands[0].floats.map(Double.init)
    let gain = operands[1].floats.map(Double.init)
    let dy = operands[2].floats.map(Double.init)
    var dx = [Float](repeating: 0, count: x.count)
    var dgain = [Double](repeating: 0, count: columns)
    var dbias = dgain
    for start in stride(from: 0, to: x.count, by: max(columns, 1)) {
      let row = start..<start + columns
      let (mean, scale) = Normalize.statistics(x[row], isRootMeanSquare, epsilon)
      let n = row.map { (x[$0] - mean) * scale }
      let g = (0..<columns).map { gain[$0] * dy[start + $0] }
      let meanG = isRootMeanSquare ? 0 : g.reduce(0, +) / Double(columns)
      let meanGN = zip(g, n).reduce(0) { $0 + $1.0 * $1.1 } / Double(columns)
      for j in 0..<columns {
        dx[start + j] = Float(scale * (g[j] - meanG - n[j] * meanGN))
        dgain[j] += dy[start + j] * n[j]
        dbias[j] += dy[start + j]
      }
    }
    let sums = isRootMeanSquare ? [dgain] : [dgain, dbias]
    return [TensorData(operands[0].shape, dx)]
      + sums.map { TensorData([columns], $0.map { Float($0) }) }
  }

  func mayOverwrite(operand: Int, with result: Int) -> Bool { operand == 2 && result == 0 }

  func mayBeNarrow(operand: Int) -> Bool { operand != 1 }
  func mayBeNarrow(result: Int) -> Bool { result == 0 }

  func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    let (rows, columns) = (shape.rowCount, shape.columnCount)
    let groups = max(1, min(ceilDivide(rows, 8), traits.family == .cpu ? 32 : 256))
    let partials = isRootMeanSquare ? 1 : 2
    var calls = [
      KernelCall(
        "normalize_gradient", file: "normalize.cl",
        defines: traits.rowDefines.merging(["RMS": isRootMeanSquare ? 1 : 0]) { $1 },
        arguments: [
          .operand(0, "x"), .operand(1), .operand(2, "dy"), .result(0, "dx"), .scratch(0),
          .scratch(partials - 1),
          .int(rows), .int(columns), .float(epsilon),
        ],
        global: [groups * traits.lanes], local: [traits.lanes])
    ]
    let local = traits.family == .cpu ? min(16, traits.maximumWorkGroupSize) : traits.groupSize
    for index in 0..<partials {
      calls.append(
        KernelCall(
          "normalize_sum", file: "normalize.cl", defines: ["VECTOR": traits.vectorWidth],
          arguments: [.scratch(index), .result(1 + index), .int(groups), .int(columns)],
          global: [roundUp(columns, toMultipleOf: local)], local: [local]))
    }
    return Launches(calls, scratch: Array(repeating: 4 * groups * columns, count: partials))
  }
}

extension Tensor {
  /// Each row made to mean 0 and variance 1, times gain [C] plus bias [C].
  public func layerNormalized(gain: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
    Normalize(isRootMeanSquare: false, epsilon: epsilon)(self, gain, bias)[0]
  }

  /// Each row made to mean square 1, times gain [C].
  public func rmsNormalized(gain: Tensor, epsilon: Float) -> Tensor {
    Normalize(isRootMeanSquare: true, epsilon: epsilon)(self, gain)[0]
  }
}
