// Computations in which some values are made otherwise.

/// The same values with the result of some applications made otherwise. `replacement` is given each application, with operands that
/// are replaced already, and gives its only result in another way; nil leaves it.
package func replacing(
  in values: [Tensor], _ replacement: (Application) -> Tensor?
) -> [Tensor] {
  var known: [Tensor.Identity: Tensor] = [:]
  func replaced(_ tensor: Tensor) -> Tensor { known[tensor.identity] ?? tensor }
  for old in Graph(outputs: values).applications {
    let operands = old.operands.map(replaced)
    let isSame = zip(operands, old.operands).allSatisfy { $0.identity == $1.identity }
    let new =
      isSame
      ? old : Application(old.op, operands, storage: old.resultTypes.map(\.elementType))
    if old.resultTypes.count == 1, let other = replacement(new) {
      known[old.result(0).identity] = other
    } else if new !== old {
      for (from, to) in zip(old.results, new.results) { known[from.identity] = to }
    }
  }
  return values.map(replaced)
}
