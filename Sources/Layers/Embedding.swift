// Vectors for ids.
import Tensors

/// One vector per id: weight [V, C].
public struct Embedding: Module {
  /// [V, C]
  public let weight: Tensor

  /// V = `count` vectors of C = `width` random numbers, by default of GPT-2's standard deviation.
  public init(_ count: Int, _ width: Int, standardDeviation: Float = 0.02) {
    weight = .variable([count, width], .normal(standardDeviation: standardDeviation))
  }

  /// ids int32 [...] -> [..., C]
  public func callAsFunction(_ ids: Tensor) -> Tensor { weight.gathered(ids) }
}
