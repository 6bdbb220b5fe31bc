// The weights of a model in one file.
import Base
import Foundation
import Layers
import Storage
import Tensors

extension Module {
  /// Writes the model's weights, which `store` holds, to a safetensors file, each under the name of its property. The file
  /// appears whole or not at all. Throws where it cannot be written; traps where the store does not know the model.
  public func save(to url: URL, from store: VariableStore) throws {
    let parameters = parameters()
    let byName = Dictionary(
      parameters.map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
    try Safetensors.write(parameters.map { ($0.name, $0.tensor.type) }, metadata: [:], to: url) {
      name in
      guard let tensor = byName[name] else { fatal("\(name) is to be written") }
      return try store.value(of: tensor)
    }
  }

  /// Gives the model its place in a store, with the weights of a safetensors file that `save` wrote, or anything else with
  /// these names and shapes in float32, float16 or bfloat16. Throws where the file cannot be read or does not fit.
  public func load(from url: URL, into store: VariableStore) throws {
    let file = try Safetensors(contentsOf: url)
    for (name, tensor) in parameters() {
      guard let value = try file[name] else {
        throw UserError("\(url.path) has no tensor \(name), which the model needs.")
      }
      guard value.shape == tensor.shape, value.type.elementType != .int32 else {
        throw UserError("\(url.path): \(name) is \(value.type), the model needs \(tensor.type).")
      }
      try store.declare(name, tensor, value: value.stored(as: .float32))
    }
  }
}
