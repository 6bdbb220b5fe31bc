// What a model is trained to make small.
import Tensors

/// A loss as a sum of named terms, each a sum over the targets that count. The trainer divides it once, by the number
/// of such targets in the whole step.
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

/// Something that turns the fields of a batch into a loss.
public protocol Objective {
  /// The formula, as the run prints it.
  var formula: String { get }
  /// Variables besides the model's that are trained with it and then forgotten, such as projections.
  var parameters: [(name: String, tensor: Tensor)] { get }
  func loss(_ inputs: Inputs) -> Loss
  /// What weights are compared by on validation rows.
  func validationLoss(_ inputs: Inputs) -> Loss
}

extension Objective {
  public var parameters: [(name: String, tensor: Tensor)] { [] }
  public func validationLoss(_ inputs: Inputs) -> Loss { loss(inputs) }
}
