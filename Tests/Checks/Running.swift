// Runs formulas on a device, and compares numbers.
import Tensors

/// An input with its value.
package typealias Feed = (tensor: Tensor, data: TensorData)

/// The values of some outputs.
package func evaluate(
  _ outputs: [Tensor], _ feeds: [Feed], on device: any Device = ReferenceDevice(),
  options: GraphExecutor.Options = .init()
) throws -> [TensorData] {
  let store = VariableStore(on: device, seed: 1)
  let executor = try GraphExecutor(Graph(outputs: outputs), on: store, options: options)
  for feed in feeds { try executor.set(feed.tensor, to: feed.data) }
  try executor.run()
  return try outputs.map(executor.value)
}

/// Inputs that hold some data.
package func inputs(_ data: [TensorData]) -> [Feed] {
  data.enumerated().map { (.input("x\($0)", $1.type), $1) }
}

/// |a - b| / |b| in the Euclidean norm; infinite where a number is missing or wrong in kind.
package func relativeError(_ a: [Float], _ b: [Float]) -> Double {
  guard a.count == b.count else { return .infinity }
  var difference = 0.0
  var size = 0.0
  for (x, y) in zip(a, b) {
    difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
    size += Double(y) * Double(y)
  }
  if difference == 0 { return 0 }
  let error = (difference / max(size, 1e-30)).squareRoot()
  return error.isFinite ? error : .infinity
}

/// The relative error of floats; 0 or infinity for integers, and where b is zero to rounding.
package func relativeError(_ a: TensorData, _ b: TensorData) -> Double {
  guard a.type == b.type else { return .infinity }
  if a.type.elementType == .int32 { return a.integers == b.integers ? 0 : .infinity }
  // Where the exact result is zero, rounding is all there is: it is judged by its size.
  if b.floats.allSatisfy({ abs($0) < 1e-6 }) {
    return a.floats.allSatisfy { abs($0) < 1e-6 } ? 0 : .infinity
  }
  return relativeError(a.floats, b.floats)
}

/// Random test data that depend only on the seed.
package struct RandomData {
  private var state: UInt64

  package init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  private mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_F491_4F6C_DD1D
  }

  package mutating func integer(below limit: Int) -> Int { Int(next() >> 33) % max(limit, 1) }

  /// Numbers spread evenly over a range.
  package mutating func floats(_ shape: Shape, _ range: ClosedRange<Float> = -1...1) -> TensorData {
    TensorData(
      shape,
      (0..<shape.elementCount).map { _ in
        range.lowerBound + (range.upperBound - range.lowerBound) * Float(next() >> 40) * 0x1p-24
      })
  }

  package mutating func integers(_ shape: Shape, below limit: Int) -> TensorData {
    TensorData(shape, (0..<shape.elementCount).map { _ in Int32(integer(below: limit)) })
  }
}
