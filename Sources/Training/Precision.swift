// How values are stored while a model trains.
import Tensors

/// How values are stored between kernels. Kernels compute in float32, and weights, their gradients and
/// the optimizer's moments are stored in float32 in every case.
public enum Precision: String, Codable, Sendable, CaseIterable {
  /// float32; bfloat16; float16 with a loss scale that follows the gradients.
  case fp32, bf16, fp16

  /// The type that values have between kernels.
  public var storage: ElementType {
    switch self {
    case .fp32: .float32
    case .bf16: .bfloat16
    case .fp16: .float16
    }
  }
}
