// What a model is trained to make small.
import Tensors

/// A loss as a sum of named terms, each a sum over the positions whose target counts. The trainer
/// divides it once, by the number of such positions in the whole step.
public struct Loss {
  /// The sum that is trained on: a single number.
  public let total: Tensor
  /// Sums that are only logged, such as "ce" and "kl": single numbers.
  public let logged: [(name: String, sum: Tensor)]

  public init(total: Tensor, logged: [(name: String, sum: Tensor)]) {
    self.total = total
    self.logged = logged
  }
}

/// Something that turns tokens and labels, int32 [B, T] each, into a loss.
public protocol Objective {
  /// The formula, as the run prints it.
  var formula: String { get }
  func loss(tokens: Tensor, labels: Tensor) -> Loss
}
