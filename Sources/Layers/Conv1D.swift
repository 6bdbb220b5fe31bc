// Affine maps as GPT-2 stores them.
import Tensors

/// y = x W + b: x [..., I], W [I, O], b [O], y [..., O]. Other families store W^T (`Linear`).
package struct Conv1D: Module {
  package let weight: Tensor
  package let bias: Tensor

  package init(_ inputSize: Int, _ outputSize: Int, standardDeviation: Float) {
    weight = .variable([inputSize, outputSize], .normal(standardDeviation: standardDeviation))
    bias = .variable([outputSize], .zeros)
  }

  package func callAsFunction(_ x: Tensor) -> Tensor { x.matmul(weight) + bias }
}
