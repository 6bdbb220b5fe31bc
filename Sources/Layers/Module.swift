// What layers have in common.
import Base
import Tensors

/// A part of a model: a plain struct of variables and other modules.
///
/// Its properties are found by themselves: variables (`Tensor.variable`), modules, optionals of either, and arrays of any of
/// these. Every instance has weights of its own, and every variable counts once, however many properties it has. A property that
/// hides layers elsewhere, as a dictionary or a tuple does, ends the process when parameters are asked for.
public protocol Module: Sendable {}

extension Module {
  /// Every variable with its name: the path through the properties, in snake case, such as
  /// `layers.0.self_attn.q_proj.weight`.
  public func parameters(prefix: String = "") -> [(name: String, tensor: Tensor)] {
    var seen: Set<ObjectIdentifier> = []
    return collect(self, prefix).filter { seen.insert(ObjectIdentifier($0.tensor)).inserted }
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
  case is any Module:
    return mirror.children.flatMap { child in
      collect(child.value, joined(snakeCase(child.label ?? "")))
    }
  default: break
  }
  if mirror.displayStyle == .collection {
    // Arrays of numbers may be long, and hold no layers.
    guard let first = mirror.children.first?.value, mayHoldLayers(first) else { return [] }
    return mirror.children.enumerated().flatMap { collect($1.value, joined("\($0)")) }
  }
  demand(
    !holdsLayers(value, depth: 3),
    "\(path) is a \(type(of: value)), in which layers are not found: make it a Module, an array or an optional"
  )
  return []
}

/// Whether a value is more than a number or a text.
private func mayHoldLayers(_ value: Any) -> Bool {
  value is Tensor || value is any Module || Mirror(reflecting: value).displayStyle != nil
}

/// Whether a value that is no module has variables or modules in it.
private func holdsLayers(_ value: Any, depth: Int) -> Bool {
  if let tensor = value as? Tensor { return tensor.isVariable }
  if value is any Module { return true }
  let mirror = Mirror(reflecting: value)
  guard depth > 0, mirror.displayStyle != nil, mirror.displayStyle != .class else { return false }
  return mirror.children.prefix(64).contains { holdsLayers($0.value, depth: depth - 1) }
}

/// A name that begins with a capital stays as it is, as BERT's `LayerNorm` does.
private func snakeCase(_ name: String) -> String {
  if name.first?.isUppercase == true { return name }
  return name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
}
