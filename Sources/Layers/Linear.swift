// Affine maps.
import Tensors

/// y = x W^T + b: x [..., I], W [O, I], b [O], y [..., O].
public struct Linear: Module {
  /// [O, I]
  public let weight: Tensor
  /// [O]
  public let bias: Tensor?

  /// From I = `inputSize` to O = `outputSize` numbers. Weights begin with random numbers, by default of standard deviation
  /// 1 / sqrt(I) (LeCun et al., Efficient BackProp, 1998), the bias with zeros.
  public init(
    _ inputSize: Int, _ outputSize: Int, hasBias: Bool = true, standardDeviation: Float? = nil
  ) {
    let deviation = standardDeviation ?? 1 / Float(max(1, inputSize)).squareRoot()
    weight = .variable([outputSize, inputSize], .normal(standardDeviation: deviation))
    bias = hasBias ? .variable([outputSize], .zeros) : nil
  }

  /// x [..., I] -> y [..., O]
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let y = x.matmul(weight, transposeOther: true)
    return bias.map { y + $0 } ?? y
  }
}
