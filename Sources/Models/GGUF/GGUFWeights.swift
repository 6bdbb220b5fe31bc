// The weights of a GGUF file under the names of `transformers`.
import Base
import Foundation
import Storage
import Tensors

/// A GGUF file as if it were a folder of Hugging Face's: tensors under their names there, in the order of their rows there.
package struct GGUFWeights: WeightFile {
  package var url: URL { file.url }
  package let entries: [StoredTensor]
  private let file: GGUF
  private let names: GGUFNames
  private let heads: (query: Int, key: Int)
  private let ggufOf: [String: String]
  /// The fields of `config.json`.
  package let fields: JSON.Object

  /// What is made of other values of a file, and no weight.
  private static let left = ["rope_freqs.weight"]

  /// Throws for architectures that are not built, and for files that do not say how large the model is.
  package init(_ file: GGUF) throws {
    guard let architecture = file.metadata["general.architecture"]?.string else {
      throw UserError("\(file.url.path) has no general.architecture.")
    }
    guard let names = GGUFNames.of(architecture) else {
      throw UserError(
        "\(file.url.path) is a \(architecture); of GGUF files \(GGUFNames.architectures.joined(separator: ", ")) are read."
      )
    }
    guard file.metadata["split.count"]?.int ?? 1 <= 1 else {
      throw UserError(
        "\(file.url.path) is a part of a model in several files: llama.cpp's gguf-split joins them."
      )
    }
    let configuration = GGUFConfiguration(file, names)
    (self.file, self.names) = (file, names)
    (heads, fields) = (try configuration.heads(), try configuration.fields())
    var ggufOf: [String: String] = [:]
    entries = try file.entries.compactMap { entry in
      guard !Self.left.contains(entry.name) else { return nil }
      // A name that is not known keeps itself, and is found to be surplus.
      let own = names.own(entry.name) ?? entry.name
      guard ggufOf.updateValue(entry.name, forKey: own) == nil else {
        throw UserError("\(file.url.path): two tensors are \(own).")
      }
      let change = names.change(own)
      // Numbers that change do not stay in blocks.
      let isBroken = !change.keepsRows && entry.type?.elementType.isQuantized ?? false
      return StoredTensor(
        name: own, shape: change.shape(entry.shape), dtype: isBroken ? "F32" : entry.dtype,
        range: entry.range)
    }
    self.ggufOf = ggufOf
    for entry in entries {
      if case .interleaved(let isKey) = names.change(entry.name) {
        let count = isKey ? heads.key : heads.query
        guard entry.shape.extents.first.map({ $0 % (2 * count) == 0 }) ?? false else {
          throw UserError(
            "\(file.url.path): \(entry.name) is \(entry.shape), which \(count) heads do not divide."
          )
        }
      }
    }
  }

  private func changed(_ own: String, _ value: TensorData) -> TensorData {
    names.change(own).applied(value, heads: heads)
  }

  package func tensor(named name: String) throws -> TensorData? {
    guard let gguf = ggufOf[name] else { return nil }
    return try file.tensor(named: gguf).map { changed(name, $0) }
  }

  package func add(to fingerprint: inout Fingerprint) throws { try file.add(to: &fingerprint) }

  package func readAll(
    addingTo fingerprint: inout Fingerprint, _ body: (StoredTensor, TensorData) throws -> Void
  ) throws {
    let own = Dictionary(
      entries.compactMap { entry in ggufOf[entry.name].map { ($0, entry) } }
    ) { first, _ in first }
    try file.readAll(addingTo: &fingerprint) { entry, value in
      guard let entry = own[entry.name] else { return }
      try body(entry, changed(entry.name, value))
    }
  }
}
