// Drawing from distributions.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Draws a column of each row with probability softmax(logits / temperature), by the Gumbel-max
/// rule. Which one is a function of (seed, step) and position alone.
///
/// Operands: logits [..., V], temperature [1] (0 picks the largest), seed int32 [2] = (seed, step).
/// Result: int32 [...].
public struct Sample: Op {
  public func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    precondition(
      operands[1] == TensorType([1]) && operands[2] == TensorType([2], .int32),
      "sample: temperature \(operands[1]), seed \(operands[2])")
    return [TensorType(Shape(Array(operands[0].shape.extents.dropLast())), .int32)]
  }

  public func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    [nil, nil, nil]
  }

  public func reference(_ operands: [TensorData]) -> [TensorData] {
    let columns = operands[0].shape.columnCount
    let logits = operands[0].floats
    let temperature = Double(operands[1].floats[0])
    let seed = operands[2].integers.map(UInt32.init(bitPattern:))
    let scores = logits.indices.map { i -> Double in
      if temperature <= 0 { return Double(logits[i]) }
      let u = Philox.uniform(
        index: UInt32(truncatingIfNeeded: i), stream: 0, seed: seed[0], step: seed[1])
      return Double(logits[i]) / temperature - log(-log(Double(max(u, 0x1p-25))))
    }
    let places = (0..<operands[0].shape.rowCount).map { row -> Int32 in
      (1..<max(columns, 1)).reduce(Int32(0)) {
        scores[row * columns + $1] > scores[row * columns + Int($0)] ? Int32($1) : $0
      }
    }
    return [TensorData(resultTypes(operands.map(\.type))[0].shape, places)]
  }

  public func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .rows(
        "sample", file: "sample.cl", rowCount: shape.rowCount,
        arguments: [
          .operand(0), .operand(1), .operand(2), .result(0), .int(shape.rowCount),
          .int(shape.columnCount),
        ], on: traits)
    ])
  }
}

extension Tensor {
  /// One column per row of these logits, drawn at `temperature` [1] under `seed` int32 [2].
  public func sampled(temperature: Tensor, seed: Tensor) -> Tensor {
    Sample()(self, temperature, seed)[0]
  }
}
