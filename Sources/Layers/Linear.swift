// Affine maps.
import Tensors

/// y = x W^T + b: x [..., I], W [O, I], b [O], y [..., O].
public struct Linear: Module {
  public let weight: Tensor
  public let bias: Tensor?

  public init(_ inputSize: Int, _ outputSize: Int, hasBias: Bool, standardDeviation: Float) {
    weight = .variable([outputSize, inputSize], .normal(standardDeviation: standardDeviation))
    bias = hasBias ? .variable([outputSize], .zeros) : nil
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let y = x.matmul(weight, transposeOther: true)
    return bias.map { y + $0 } ?? y
  }
}
