// The first value of a variable.
import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How a variable starts. Random values are keyed by (seed, name, position), so they depend
/// neither on the device nor on the order in which variables are made.
public enum Initializer: Sendable {
  /// All 0.
  case zeros
  /// All 1.
  case ones
  /// Normally distributed around 0.
  case normal(standardDeviation: Float)
  /// Evenly distributed between -bound and bound.
  case uniform(bound: Float)
  /// Given numbers.
  case data(TensorData)

  package func values(_ type: TensorType, seed: UInt64, name: String) -> TensorData {
    switch self {
    case .zeros: return TensorData(zeros: type)
    case .ones: return TensorData(type.shape, [Float](repeating: 1, count: type.elementCount))
    case .data(let data):
      demand(data.type == type, "variable \(name) is \(type), its data is \(data.type)")
      return data
    case .uniform(let bound):
      return Self.drawn(type, seed, name) { bound * (2 * Philox.uniform($0[0]) - 1) }
    case .normal(let deviation):
      // Box and Muller: one normal number from two uniform ones.
      return Self.drawn(type, seed, name) { words in
        let radius = (-2 * log(1 - Double(Philox.uniform(words[0])))).squareRoot()
        return deviation * Float(radius * cos(2 * .pi * Double(Philox.uniform(words[1]))))
      }
    }
  }

  /// Numbers from random words of their own.
  private static func drawn(
    _ type: TensorType, _ seed: UInt64, _ name: String, _ number: (Philox.Block) -> Float
  ) -> TensorData {
    let key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    let stream = Philox.stream(named: name)
    let numbers = (0..<type.elementCount).map { index in
      number(
        Philox.block(counter: [UInt32(truncatingIfNeeded: index), stream, 0, 2], key: key))
    }
    return TensorData(type.shape, numbers)
  }
}
