// Two axes change places.
import Base

/// y[..., b, m, a, ...] = x[..., a, m, b, ...], where `first` < `second` are the axes exchanged.
package struct Transpose: KernelOp {
  let first: Int
  let second: Int

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    var extents = operands[0].shape.extents
    extents.swapAt(first, second)
    return [TensorType(Shape(extents), operands[0].elementType)]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    [resultGradients[0]?.transposed(first, second)]
  }

  /// The operand as [outer, a, middle, b, inner].
  private func grid(_ shape: Shape) -> (outer: Int, a: Int, middle: Int, b: Int, inner: Int) {
    let e = shape.extents
    return (
      e[..<first].reduce(1, *), e[first], e[(first + 1)..<second].reduce(1, *), e[second],
      e[(second + 1)...].reduce(1, *)
    )
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let g = grid(operands[0].shape)
    let x = operands[0].floats
    var y: [Float] = []
    y.reserveCapacity(x.count)
    for o in 0..<g.outer {
      for b in 0..<g.b {
        for m in 0..<g.middle {
          for a in 0..<g.a {
            let start = (((o * g.a + a) * g.middle + m) * g.b + b) * g.inner
            y += x[start..<start + g.inner]
          }
        }
      }
    }
    return [TensorData(resultTypes([operands[0].type])[0].shape, y)]
  }

  package func mayBeNarrow(operand: Int) -> Bool { true }
  package func mayBeNarrow(result: Int) -> Bool { true }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let g = grid(operands[0].shape)
    let count = operands[0].elementCount
    let vector = traits.vectorWidth(dividing: g.inner)
    let most = traits.family == .cpu ? 4096 : 1 << 20
    return Launches([
      .items(
        "transpose", file: "transpose.cl", count: min(ceilDivide(count, vector), most),
        defines: ["VECTOR": vector],
        arguments: [
          .operand(0, "x"), .result(0, "y"), .int(count), .int(g.a), .int(g.middle), .int(g.b),
          .int(g.inner),
        ], on: traits)
    ])
  }
}

extension Tensor {
  /// The tensor with two axes exchanged; negative axes count from the innermost.
  public func transposed(_ first: Int, _ second: Int) -> Tensor {
    let axes = [first, second].map { $0 < 0 ? shape.rank + $0 : $0 }.sorted()
    demand(
      axes.allSatisfy(shape.extents.indices.contains) && type.elementType == .float32,
      "transposed(\(first), \(second)) does not fit \(type)")
    return axes[0] == axes[1] ? self : Transpose(first: axes[0], second: axes[1])(self)[0]
  }
}
