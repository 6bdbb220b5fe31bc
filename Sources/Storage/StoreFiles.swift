// Variable stores in safetensors files.
import Foundation
import Tensors

extension VariableStore {
  /// Overwrites variables with values. Every one of `names` must be there with its own shape, and
  /// nothing else; `file` is named in the error.
  public func load(_ values: [String: TensorData], names: [String], from file: URL) throws {
    let missing = names.filter { values[$0] == nil }
    let surplus = Set(values.keys).subtracting(names).sorted()
    guard missing.isEmpty, surplus.isEmpty else {
      func list(_ names: [String]) -> String {
        names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", ..." : "")
      }
      throw StorageError(
        "\(file.path) does not fit the model: "
          + [
            missing.isEmpty ? nil : "\(missing.count) tensors are missing (\(list(missing)))",
            surplus.isEmpty ? nil : "\(surplus.count) are not known (\(list(surplus)))",
          ].compactMap { $0 }.joined(separator: ", ") + ".")
    }
    for name in names {
      guard let entry = entry(named: name), let value = values[name] else { continue }
      let type = entry.tensor.type
      guard value.type.widened == type else {
        throw StorageError("\(file.path): \(name) is \(value.type), the model needs \(type).")
      }
      try entry.buffer.write(value.stored(as: type.elementType))
    }
  }

  /// Writes every variable that `isKept` names.
  public func save(
    to url: URL, metadata: [String: String], where isKept: (Entry) -> Bool = { _ in true }
  ) throws {
    let tensors = try entries.filter(isKept).map {
      (name: $0.name, data: try $0.buffer.read(as: $0.tensor.type))
    }
    try Safetensors(tensors, metadata: metadata).write(to: url)
  }
}
