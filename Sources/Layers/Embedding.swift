// Vectors for ids.
import Tensors

/// One vector per id: weight [V, C].
public struct Embedding: Module {
  public let weight: Tensor

  public init(_ count: Int, _ width: Int, standardDeviation: Float) {
    weight = .variable([count, width], .normal(standardDeviation: standardDeviation))
  }

  /// ids int32 [...] -> [..., C]
  public func callAsFunction(_ ids: Tensor) -> Tensor { weight.gathered(ids) }
}
