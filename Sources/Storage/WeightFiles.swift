// A model's tensors, in one file or in several with an index.
import Base
import Foundation
import Tensors

/// The tensors of a folder as Hugging Face lays them out: `model.safetensors`, or several shards with
/// `model.safetensors.index.json`; or those of a single file of another format.
package struct WeightFiles: Sendable {
  /// The folder, or the single file.
  package let folder: URL
  package let files: [any WeightFile]
  private let fileOfName: [String: Int]

  static let singleName = "model.safetensors"
  static let indexName = "model.safetensors.index.json"

  /// A file of another format than safetensors.
  package init(_ file: any WeightFile) {
    (folder, files) = (file.url, [file])
    fileOfName = Dictionary(file.entries.map { ($0.name, 0) }) { first, _ in first }
  }

  package init(folder: URL) throws {
    self.folder = folder
    let single = folder.appending(path: Self.singleName)
    let index = folder.appending(path: Self.indexName)
    if FileManager.default.fileExists(atPath: single.path) {
      files = [try Safetensors(contentsOf: single)]
    } else if let data = try? Data(contentsOf: index) {
      guard let json = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
        let map = json["weight_map"] as? [String: String], !map.isEmpty
      else { throw UserError("\(index.path) has no weight_map from tensors to files.") }
      files = try Set(map.values).sorted().map { name in
        // A shard lies in the folder itself; an index from elsewhere must not name other files.
        guard !name.contains("/"), name != ".." else {
          throw UserError("\(index.path) names the file \(name), which is not in its folder.")
        }
        return try Safetensors(contentsOf: folder.appending(path: name))
      }
      let present = Set(files.flatMap { $0.entries.map(\.name) })
      if let missing = map.keys.sorted().first(where: { !present.contains($0) }) {
        throw UserError(
          "\(folder.path)/\(map[missing] ?? "") has no tensor \(missing), which the index promises."
        )
      }
    } else {
      let old = ["pytorch_model.bin", "pytorch_model.bin.index.json"].contains {
        FileManager.default.fileExists(atPath: folder.appending(path: $0).path)
      }
      throw UserError(
        "\(folder.path) has no \(Self.singleName) and no \(Self.indexName)."
          + (old
            ? " It holds a PyTorch pickle, which runs code when it is read and is not supported: "
              + "save it again with transformers' save_pretrained, which writes safetensors." : ""))
    }
    var places: [String: Int] = [:]
    for (index, file) in files.enumerated() {
      for entry in file.entries {
        guard places.updateValue(index, forKey: entry.name) == nil else {
          throw UserError("Two files of \(folder.path) hold the tensor \(entry.name).")
        }
      }
    }
    fileOfName = places
  }

  package var names: [String] { files.flatMap { $0.entries.map(\.name) } }

  package func entry(named name: String) -> StoredTensor? {
    fileOfName[name].flatMap { files[$0].entry(named: name) }
  }

  /// Reads a tensor; nil and errors as for `WeightFile`.
  package subscript(name: String) -> TensorData? {
    get throws { try fileOfName[name].flatMap { try files[$0].tensor(named: name) } }
  }

  /// Reads a weight as float32; nil where there is none. A number that is not finite is an error that says where.
  package func weight(_ name: String) throws -> TensorData? {
    guard let value = try self[name]?.stored(as: .float32) else { return nil }
    try requireFinite(value, name)
    return value
  }

  /// Throws where a weight has a number that is not finite.
  package func requireFinite(_ value: TensorData, _ name: String) throws {
    guard let place = value.firstNotFinite else { return }
    throw UserError(
      "\(folder.path): the weight \(name) is not finite (\(value.floats[place]) at place \(place)). The file is "
        + "damaged, or its training went wrong.")
  }

  /// Writes a folder's tensors, in shards of at most `shardBytes` where they do not fit into one.
  package static func write(
    _ tensors: [(name: String, type: TensorType)], folder: URL, shardBytes: Int = 5_000_000_000,
    data: (String) throws -> TensorData
  ) throws {
    var shards: [[(name: String, type: TensorType)]] = [[]]
    var used = 0
    for tensor in tensors {
      if used > 0, used + tensor.type.byteCount > shardBytes {
        shards.append([])
        used = 0
      }
      shards[shards.count - 1].append(tensor)
      used += tensor.type.byteCount
    }
    let metadata = ["format": "pt"]
    func number(_ n: Int) -> String { String(repeating: "0", count: 5 - "\(n)".count) + "\(n)" }
    let isSingle = shards.count == 1
    var map: [String: String] = [:]
    for (index, shard) in shards.enumerated() {
      let name =
        isSingle
        ? singleName : "model-\(number(index + 1))-of-\(number(shards.count)).safetensors"
      try Safetensors.write(shard, metadata: metadata, to: folder.appending(path: name), data: data)
      for tensor in shard { map[tensor.name] = name }
    }
    guard !isSingle else { return }
    let total = tensors.reduce(0) { $0 + $1.type.byteCount }
    let index: [String: Any] = ["metadata": ["total_size": total], "weight_map": map]
    let text = try JSONSerialization.data(
      withJSONObject: index, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    try WholeFile.write(
      String(decoding: text, as: UTF8.self), to: folder.appending(path: indexName))
  }
}
