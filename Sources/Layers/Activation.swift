// The nonlinear functions of feed-forward layers.
import Tensors

/// A function applied to every number, under the names of Hugging Face's `config.json`.
public enum Activation: String, Sendable, Hashable {
  /// x Phi(x) (Hendrycks and Gimpel, arXiv 1606.08415).
  case gelu
  /// GELU by a hyperbolic tangent, as GPT-2 calls it.
  case geluNew = "gelu_new"
  /// The same, as PyTorch calls it.
  case geluTanh = "gelu_pytorch_tanh"
  /// max(x, 0)
  case relu
  /// x sigmoid(x) (Elfwing et al., arXiv 1702.03118).
  case silu
  /// The same as `silu` under its other name.
  case swish

  /// The function of every number.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .gelu: x.gelu()
    case .geluNew, .geluTanh: x.geluTanh()
    case .relu: x.relu()
    case .silu, .swish: x.silu()
    }
  }
}
