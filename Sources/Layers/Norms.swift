// Normalisations with trained gains.
import Tensors

/// Rows of mean square 1, times a gain: weight [C] (Zhang and Sennrich, arXiv 1910.07467).
public struct RMSNorm: Module {
  /// The gain, [C].
  public let weight: Tensor
  /// What keeps the square root away from 0.
  public let epsilon: Float

  /// For rows of `width` numbers; `epsilon` is added to the mean square.
  public init(_ width: Int, epsilon: Float = 1e-5) {
    weight = .variable([width], .ones)
    self.epsilon = epsilon
  }

  /// [..., C] -> [..., C]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.rmsNormalized(gain: weight, epsilon: epsilon)
  }
}

/// Rows of mean square 1, times 1 + weight, weight [C]: Gemma's form, whose weights begin at 0 and decay towards it.
package struct OffsetRMSNorm: Module {
  package let weight: Tensor
  package let epsilon: Float

  package init(_ width: Int, epsilon: Float) {
    weight = .variable([width], .zeros)
    self.epsilon = epsilon
  }

  package func callAsFunction(_ x: Tensor) -> Tensor {
    x.rmsNormalized(gain: weight + 1, epsilon: epsilon)
  }
}

/// Rows of mean 0 and variance 1, times a gain, plus a bias: weight, bias [C] (Ba et al., arXiv 1607.06450).
public struct LayerNorm: Module {
  /// The gain, [C].
  public let weight: Tensor
  /// [C]
  public let bias: Tensor
  /// What keeps the square root away from 0.
  public let epsilon: Float

  /// For rows of `width` numbers; `epsilon` is added to the variance.
  public init(_ width: Int, epsilon: Float = 1e-5) {
    weight = .variable([width], .ones)
    bias = .variable([width], .zeros)
    self.epsilon = epsilon
  }

  /// [..., C] -> [..., C]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.layerNormalized(gain: weight, bias: bias, epsilon: epsilon)
  }
}
