// What a model is trained to make small.
import Tensors

/// A loss as a sum of named terms, each a sum over the positions whose target counts. The trainer
/// divides it once, by the number of such positions in the whole step.
public struct Loss {
  /// The sum that is trained on: a single number.
  public let total: Tensor
  /// Sums that are only logged, such as "ce" and "kl": single numbers.
  public let logged: [(name: String, sum: Tensor)]
  /// What the loss reads besides tokens and labels, and where its values for a batch come from.
  public let inputs: [BatchInput]

  public init(
    total: Tensor, logged: [(name: String, sum: Tensor)], inputs: [BatchInput] = []
  ) {
    self.total = total
    self.logged = logged
    self.inputs = inputs
  }
}

/// An input whose value follows from a batch.
public struct BatchInput {
  public let tensor: Tensor
  public let value: (TokenBatch) throws -> TensorData

  public init(_ tensor: Tensor, value: @escaping (TokenBatch) throws -> TensorData) {
    self.tensor = tensor
    self.value = value
  }
}

/// Something that turns tokens and labels, int32 [B, T] each, into a loss.
public protocol Objective {
  /// The formula, as the run prints it.
  var formula: String { get }
  /// Variables besides the model's that are trained with it and then forgotten, such as projections.
  var parameters: [(name: String, tensor: Tensor)] { get }
  /// Whether the loss reads the spans of rows that hold several texts.
  var readsSpans: Bool { get }
  func loss(tokens: Tensor, labels: Tensor) -> Loss
  /// What weights are compared by on validation rows.
  func validationLoss(tokens: Tensor, labels: Tensor) -> Loss
}

extension Objective {
  public var parameters: [(name: String, tensor: Tensor)] { [] }
  public var readsSpans: Bool { false }
  public func validationLoss(tokens: Tensor, labels: Tensor) -> Loss {
    loss(tokens: tokens, labels: labels)
  }
}
