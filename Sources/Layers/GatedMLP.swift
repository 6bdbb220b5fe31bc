// The feed-forward layer of Llama, Gemma and their relatives.
import Tensors

/// down(activation(gate x) * up x): [..., C] -> [..., C] through an inner width (Shazeer, arXiv 2002.05202).
package struct GatedMLP: Module {
  let gateProj: Linear
  let upProj: Linear
  let downProj: Linear
  private let activation: Activation

  /// `outputDeviation` is that of the initial weights of the last projection.
  package init(
    _ width: Int, inner: Int, _ activation: Activation, hasBias: Bool = false,
    standardDeviation: Float, outputDeviation: Float
  ) {
    func linear(_ from: Int, _ to: Int, _ deviation: Float) -> Linear {
      Linear(from, to, hasBias: hasBias, standardDeviation: deviation)
    }
    gateProj = linear(width, inner, standardDeviation)
    upProj = linear(width, inner, standardDeviation)
    downProj = linear(inner, width, outputDeviation)
    self.activation = activation
  }

  package func callAsFunction(_ x: Tensor) -> Tensor {
    downProj(activation(gateProj(x)) * upProj(x))
  }
}
