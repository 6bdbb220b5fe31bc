// Gradients in float16, kept from vanishing and from overflowing.
import Tensors

/// A factor on the loss that is as large as the gradients allow (Micikevicius et al., arXiv 1710.03740).
/// A step whose gradients overflowed is skipped and halves it; many steps without double it. It lives on
/// the device beside the moments, so that no step waits for the host.
struct LossScale {
  static let name = "optimizer.loss_scale"
  /// The factor: a single number.
  let scale = Tensor.variable([], .data(TensorData(65_536)))
  /// Steps since the factor changed.
  private let goodSteps = Tensor.variable([], .zeros)
  private static let growthInterval: Float = 2000

  init(store: VariableStore) throws {
    try store.declare(Self.name, scale, role: .optimizer)
    try store.declare("optimizer.good_steps", goodSteps, role: .optimizer)
  }

  /// The changes after a step; `isFinite` is 1 where its gradients were finite, else 0.
  func assignments(isFinite: Tensor) -> [Graph.Assignment] {
    let good = (goodSteps + 1) * isFinite
    let grows = good.isGreater(than: .constant(Self.growthInterval - 0.5))
    let next = scale * (isFinite * 0.5 + 0.5) * (grows + 1)
    return [
      .init(scale, next.maximum(.constant(1))), .init(goodSteps, good * (grows * -1 + 1)),
    ]
  }
}
