// Normalisations with trained gains.
import Tensors

/// Rows of mean square 1, times a gain: weight [C].
public struct RMSNorm: Module {
  public let weight: Tensor
  public let epsilon: Float

  public init(_ width: Int, epsilon: Float) {
    weight = .variable([width], .ones)
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.rmsNormalized(gain: weight, epsilon: epsilon)
  }
}

/// Rows of mean square 1, times 1 + weight, weight [C]: Gemma's form, whose weights begin at 0 and decay towards it.
public struct OffsetRMSNorm: Module {
  public let weight: Tensor
  public let epsilon: Float

  public init(_ width: Int, epsilon: Float) {
    weight = .variable([width], .zeros)
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.rmsNormalized(gain: weight + 1, epsilon: epsilon)
  }
}

/// Rows of mean 0 and variance 1, times a gain, plus a bias: weight, bias [C].
public struct LayerNorm: Module {
  public let weight: Tensor
  public let bias: Tensor
  public let epsilon: Float

  public init(_ width: Int, epsilon: Float) {
    weight = .variable([width], .ones)
    bias = .variable([width], .zeros)
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.layerNormalized(gain: weight, bias: bias, epsilon: epsilon)
  }
}
