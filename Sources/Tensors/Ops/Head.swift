// What turns hidden states into logits.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A head over V classes: logits x W^T of hidden states [..., C] and a weight [V, C]; with a cap
/// cap tanh(x W^T / cap), which keeps them within it (Gemma 2, arXiv 2408.00118).
public struct Head {
  /// A row for each class, [V, C].
  public let weight: Tensor
  /// What logits are capped by, cap tanh(z / cap); nil leaves them.
  public let cap: Float?

  /// A weight [V, C], and a cap above 0 if there is one.
  public init(_ weight: Tensor, cap: Float? = nil) { (self.weight, self.cap) = (weight, cap) }

  /// [..., C] -> [..., V]
  public func logits(_ hidden: Tensor) -> Tensor {
    let logits = hidden.matmul(weight, transposeOther: true)
    return cap.map { (logits * (1 / $0)).tanh() * $0 } ?? logits
  }

  static func capped(_ logits: TensorData, _ cap: Float?) -> TensorData {
    guard let cap else { return logits }
    return TensorData(
      logits.shape, logits.floats.map { Float(tanh(Double($0) / Double(cap)) * Double(cap)) })
  }
}
