// What a model is trained to make small.
import Tensors

/// A loss as a sum of named terms, each a sum over the targets that count. The trainer divides it once, by the number
/// of such targets in the whole step.
public struct Loss {
  /// The sum that is trained on: a single number.
  public let total: Tensor
  /// Sums that are only logged, such as "ce" and "kl": single numbers.
  public let logged: [(name: String, sum: Tensor)]

  /// A sum to train on, and sums to log beside it.
  public init(total: Tensor, logged: [(name: String, sum: Tensor)] = []) {
    self.total = total
    self.logged = logged
  }

  /// One term, which is logged under its name.
  public init(_ name: String, _ sum: Tensor) { self.init(total: sum, logged: [(name, sum)]) }
}

/// What turns the fields of a batch into a loss.
public protocol Objective {
  /// The formula, as a run prints it. A checkpoint belongs to a training with the same one.
  var formula: String { get }
  /// Variables besides the model's that are trained with it and then forgotten, such as projections.
  var parameters: [(name: String, tensor: Tensor)] { get }
  /// The loss of a batch, from the tensors of its fields.
  func loss(_ inputs: Inputs) -> Loss
  /// What weights are compared by on validation rows.
  func validationLoss(_ inputs: Inputs) -> Loss
}

extension Objective {
  public var parameters: [(name: String, tensor: Tensor)] { [] }
  public func validationLoss(_ inputs: Inputs) -> Loss { loss(inputs) }
}

/// A loss that is said in place, by a closure.
public struct LossFunction: Objective {
  public let formula: String
  private let body: (Inputs) -> Loss

  /// `formula` names what `loss` computes: a checkpoint belongs to a training with the same formula.
  public init(_ formula: String, _ loss: @escaping (_ inputs: Inputs) -> Loss) {
    (self.formula, body) = (formula, loss)
  }

  public func loss(_ inputs: Inputs) -> Loss { body(inputs) }
}
