// The matrices of linear layers, wherever they are in a module.
import Tensors

/// A matrix that a linear layer multiplies with.
package struct LinearWeight {
  /// [O, I], or [I, O] where `isTransposed`.
  package let tensor: Tensor
  /// Whether it lies as GPT-2 stores it.
  package let isTransposed: Bool

  /// I
  package var inputSize: Int { tensor.shape[isTransposed ? 0 : 1] }
  /// O
  package var outputSize: Int { tensor.shape[isTransposed ? 1 : 0] }
}

extension Module {
  /// The matrices of all linear layers in it, in the order of its parameters; tables of tokens and heads are none.
  package var linearWeights: [LinearWeight] { weights(in: self) }
}

private func weights(in value: Any) -> [LinearWeight] {
  if let layer = value as? Linear {
    return [LinearWeight(tensor: layer.weight, isTransposed: false)]
  }
  if let layer = value as? Conv1D {
    return [LinearWeight(tensor: layer.weight, isTransposed: true)]
  }
  let mirror = Mirror(reflecting: value)
  guard
    value is any Module || mirror.displayStyle == .optional || mirror.displayStyle == .collection
  else { return [] }
  return mirror.children.flatMap { weights(in: $0.value) }
}
