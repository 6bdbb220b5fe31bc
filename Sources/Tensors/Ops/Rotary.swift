// Rotary position embedding.
import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Turns element d < D / 2 of each head and its partner d + D / 2 by an angle that grows with the
/// position (Su et al., arXiv 2104.09864, in the half-split order of Llama).
///
/// Operands: x [B, T, H, D], cosine [T, D / 2], sine [T, D / 2].
package struct Rotary: KernelOp {
  /// 1, or -1 to turn back.
  let direction: Float

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let shape = operands[0].shape
    demand(
      shape.rank == 4 && shape[3] % 2 == 0 && operands[1].shape == [shape[1], shape[3] / 2]
        && operands[2].shape == operands[1].shape,
      "rotary: x \(shape) does not fit angles \(operands[1].shape), \(operands[2].shape)")
    return [operands[0]]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    let operands = application.operands
    let gradient = resultGradients[0].map {
      Rotary(direction: -direction)($0, operands[1], operands[2])[0]
    }
    return [gradient, nil, nil]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let shape = operands[0].shape
    let (positions, heads, half) = (shape[1], shape[2], shape[3] / 2)
    let x = operands[0].floats
    let (cosine, sine) = (operands[1].floats, operands[2].floats)
    var y = x
    for head in 0..<shape.rowCount {
      let t = head / heads % positions
      for d in 0..<half {
        let (a, b) = (Double(x[head * 2 * half + d]), Double(x[head * 2 * half + half + d]))
        let c = Double(cosine[t * half + d])
        let s = Double(sine[t * half + d] * direction)
        y[head * 2 * half + d] = Float(a * c - b * s)
        y[head * 2 * half + half + d] = Float(b * c + a * s)
      }
    }
    return [TensorData(shape, y)]
  }

  package func mayOverwrite(operand: Int, with result: Int) -> Bool { operand == 0 }

  package func mayBeNarrow(operand: Int) -> Bool { operand == 0 }
  package func mayBeNarrow(result: Int) -> Bool { true }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    let half = shape[3] / 2
    return Launches([
      .items(
        "rotary", file: "rotary.cl",
        count: min(shape.rowCount, traits.family == .cpu ? 256 : 1 << 20),
        defines: ["VECTOR": traits.vectorWidth(dividing: half)],
        arguments: [
          .operand(0, "x"), .operand(1), .operand(2), .result(0, "y"), .int(shape.rowCount),
          .int(shape[1]), .int(shape[2]), .int(half), .float(direction),
        ], on: traits)
    ])
  }
}

extension Tensor {
  /// Queries or keys [B, T, H, D], turned by angles whose cosines and sines are given, [T, D / 2].
  public func rotated(cosine: Tensor, sine: Tensor) -> Tensor {
    Rotary(direction: 1)(self, cosine, sine)[0]
  }

  /// Queries or keys [B, T, H, D], turned by the angles t base^(-2 d / D).
  public func rotated(base: Float) -> Tensor {
    demand(shape.rank == 4 && shape[3] % 2 == 0, "rotated(base:) does not fit \(shape)")
    let (positions, half) = (shape[1], shape[3] / 2)
    let angles = (0..<positions * half).map { i in
      Double(i / half) * pow(Double(base), -Double(i % half) / Double(half))
    }
    return rotated(
      cosine: .constant(TensorData([positions, half], angles.map { Float(cos($0)) })),
      sine: .constant(TensorData([positions, half], angles.map { Float(sin($0)) })))
  }
}
