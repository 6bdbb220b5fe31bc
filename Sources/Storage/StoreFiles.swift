// Variable stores in safetensors files.
import Base
import Foundation
import Tensors

extension VariableStore {
  /// Overwrites variables with a file's values. Every one of `names` must be there with its own shape,
  /// and nothing else.
  package func load(_ names: [String], from file: Safetensors) throws {
    let missing = names.filter { file.entry(named: $0) == nil }
    let surplus = Set(file.entries.map(\.name)).subtracting(names).sorted()
    guard missing.isEmpty, surplus.isEmpty else {
      throw UserError(
        "\(file.url.path) does not fit: "
          + [
            missing.isEmpty ? nil : "\(missing.count) tensors are missing (\(list(missing)))",
            surplus.isEmpty ? nil : "\(surplus.count) are not known (\(list(surplus)))",
          ].compactMap { $0 }.joined(separator: ", ") + ".")
    }
    for name in names {
      guard let entry = entry(named: name), let value = try file[name] else { continue }
      let type = entry.tensor.type
      guard value.type.widened == type else {
        throw UserError("\(file.url.path): \(name) is \(value.type), \(type) is needed.")
      }
      try entry.buffer.write(value.stored(as: type.elementType))
    }
  }

  /// Writes every variable that `isKept` names.
  package func save(
    to url: URL, metadata: [String: String], where isKept: (Entry) -> Bool = { _ in true }
  ) throws {
    let kept = entries.filter(isKept)
    try Safetensors.write(
      kept.map { ($0.name, $0.tensor.type) }, metadata: metadata, to: url
    ) { name in
      guard let entry = entry(named: name) else { fatal("\(name) was kept") }
      return try entry.value()
    }
  }
}

/// The first of some names, for a sentence.
package func list(_ names: [String]) -> String {
  names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", ..." : "")
}
