// The nonlinear functions of feed-forward layers.
import Tensors

/// A function applied to every number, under the names of Hugging Face's `config.json`.
public enum Activation: String, Sendable, Hashable {
  case gelu
  case geluNew = "gelu_new"
  case geluTanh = "gelu_pytorch_tanh"
  case relu
  case silu
  case swish

  public func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .gelu: x.gelu()
    case .geluNew, .geluTanh: x.geluTanh()
    case .relu: x.relu()
    case .silu, .swish: x.silu()
    }
  }
}
