// The angles by which rotary position embedding turns queries and keys.
import Tensors

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How the angles of a model are changed for contexts longer than it was first trained on.
package enum RotaryScaling: Sendable, Hashable {
  /// Positions divided by a factor (Chen et al., arXiv 2306.15595).
  case linear(factor: Double)
  /// Slow angles divided, fast ones kept, a ramp in between (Llama 3.1, Meta's reference code).
  case llama3(factor: Double, lowFactor: Double, highFactor: Double, originalLength: Int)
  /// The same with the ramp over dimensions, and a factor on cosines and sines (Peng et al., arXiv
  /// 2309.00071).
  case yarn(Yarn)

  package struct Yarn: Sendable, Hashable {
    public var factor: Double
    public var originalLength: Int
    public var fastRotations = 32.0
    public var slowRotations = 1.0
    /// What cosines and sines are multiplied by.
    public var magnitude: Double
    /// Whether the ramp's ends are whole dimensions.
    public var roundsRamp = true

    /// The magnitude is the paper's, 0.1 ln(factor) + 1, unless it is set.
    public init(factor: Double, originalLength: Int) {
      self.factor = factor
      self.originalLength = originalLength
      magnitude = Self.magnitude(factor, 1)
    }

    public static func magnitude(_ factor: Double, _ weight: Double) -> Double {
      factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1
    }
  }
}

/// For each pair of dimensions, the angle per position (Su et al., arXiv 2104.09864).
public struct RotaryEmbedding: Sendable, Hashable {
  /// [D / 2], in radians per position.
  package let frequencies: [Double]
  /// What cosines and sines are multiplied by.
  package let magnitude: Double

  /// Angles t base^(-2 d / D) at position t for heads of D = `headSize` elements.
  public init(headSize: Int, base: Double = 10_000) {
    self.init(headSize: headSize, base: base, scaling: nil)
  }

  /// The same, scaled if asked.
  package init(headSize: Int, base: Double, scaling: RotaryScaling?) {
    let plain = (0..<headSize / 2).map { pow(base, -2 * Double($0) / Double(headSize)) }
    var magnitude = 1.0
    switch scaling {
    case nil: frequencies = plain
    case .linear(let factor): frequencies = plain.map { $0 / factor }
    case .llama3(let factor, let low, let high, let length):
      frequencies = plain.map { frequency in
        let turns = Double(length) * frequency / (2 * .pi)
        let kept = min(max((turns - low) / (high - low), 0), 1)
        return frequency * (kept + (1 - kept) / factor)
      }
    case .yarn(let yarn):
      magnitude = yarn.magnitude
      // The dimension whose angle makes so many turns over the original length.
      func dimension(turns: Double) -> Double {
        Double(headSize) * log(Double(yarn.originalLength) / (turns * 2 * .pi)) / (2 * log(base))
      }
      var (low, high) = (
        dimension(turns: yarn.fastRotations), dimension(turns: yarn.slowRotations)
      )
      if yarn.roundsRamp { (low, high) = (low.rounded(.down), high.rounded(.up)) }
      (low, high) = (max(low, 0), min(high, Double(headSize - 1)))
      if low == high { high += 0.001 }
      frequencies = plain.enumerated().map { d, frequency in
        let divided = min(max((Double(d) - low) / (high - low), 0), 1)
        return frequency * (1 - divided + divided / yarn.factor)
      }
    }
    self.magnitude = magnitude
  }

  /// Cosines and sines for the first positions, [count, D / 2] each.
  package func table(positionCount count: Int) -> (cosine: TensorData, sine: TensorData) {
    let angles = (0..<count).flatMap { t in frequencies.map { Double(t) * $0 } }
    func data(_ function: (Double) -> Double) -> TensorData {
      TensorData([count, frequencies.count], angles.map { Float(magnitude * function($0)) })
    }
    return (data(cos), data(sin))
  }
}
