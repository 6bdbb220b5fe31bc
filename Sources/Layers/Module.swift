// What layers have in common.
import Tensors

/// A part of a model: a plain struct of variables and other modules.
public protocol Module: Sendable {}

extension Module {
  /// Every variable with its name: the path through the properties, in snake case, such as
  /// `layers.0.self_attn.q_proj.weight`.
  public func parameters(prefix: String = "") -> [(name: String, tensor: Tensor)] {
    collect(self, prefix)
  }

  /// The number of trainable numbers.
  public var parameterCount: Int {
    parameters().reduce(0) { $0 + $1.tensor.type.elementCount }
  }

  /// Gives every variable its place in a store.
  public func declare(in store: VariableStore, prefix: String = "") throws {
    for (name, tensor) in parameters(prefix: prefix) { try store.declare(name, tensor) }
  }
}

private func collect(_ value: Any, _ path: String) -> [(name: String, tensor: Tensor)] {
  func joined(_ label: String) -> String { path.isEmpty ? label : path + "." + label }
  let mirror = Mirror(reflecting: value)
  // First of all: an optional module passes for a module.
  if mirror.displayStyle == .optional {
    return mirror.children.first.map { collect($0.value, path) } ?? []
  }
  switch value {
  case let tensor as Tensor: return tensor.isVariable ? [(path, tensor)] : []
  case let modules as [any Module]:
    return modules.enumerated().flatMap { collect($1, joined("\($0)")) }
  case is any Module:
    return mirror.children.flatMap { child in
      collect(child.value, joined(snakeCase(child.label ?? "")))
    }
  default: return []
  }
}

/// A name that begins with a capital stays as it is, as BERT's `LayerNorm` does.
private func snakeCase(_ name: String) -> String {
  if name.first?.isUppercase == true { return name }
  return name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
}
