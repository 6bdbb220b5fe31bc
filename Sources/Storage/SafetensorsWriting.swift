// Writing safetensors files, one tensor in memory at a time.
import Base
import Foundation
import Tensors

extension Safetensors {
  /// Writes a file whole or not at all; `data` gives each tensor when its turn comes. A file gets checksums, for
  /// which the header is written again; a stream cannot be gone back in.
  package static func write(
    _ tensors: [(name: String, type: TensorType)], metadata: [String: String], to url: URL,
    data: (String) throws -> TensorData
  ) throws {
    var checksums = SafetensorsChecksums(for: tensors.map(\.name))
    let hasChecksums = try !OutputPlace(url).isStream
    try WholeFile.write(to: url) { file in
      func header() throws -> Data {
        try Self.header(tensors, metadata, hasChecksums ? checksums : nil)
      }
      let first = try header()
      try file.write(contentsOf: first)
      for (name, type) in tensors {
        let data = try data(name)
        demand(data.type == type, "\(name) is \(data.type), not \(type)")
        let bytes = data.withUnsafeBytes { Data($0) }
        checksums.add(bytes, name)
        try file.write(contentsOf: bytes)
      }
      guard hasChecksums else { return }
      // Now that they are known: the header has the same length.
      let last = try header()
      demand(last.count == first.count, "checksums have one length")
      try file.seek(toOffset: 0)
      try file.write(contentsOf: last)
    }
  }

  /// What a file begins with: the length of its header, and the header, so long that the data start at a multiple
  /// of 8 bytes.
  package static func beginning(
    _ tensors: [(name: String, type: TensorType)], metadata: [String: String]
  ) throws -> Data { try header(tensors, metadata, nil) }

  private static func header(
    _ tensors: [(name: String, type: TensorType)], _ metadata: [String: String],
    _ checksums: SafetensorsChecksums?
  ) throws -> Data {
    var header: [String: Any] = [:]
    var entries: [StoredTensor] = []
    var offset = 0
    for (name, type) in tensors {
      demand(header[name] == nil, "two tensors are called \(name)")
      let range = offset..<offset + type.byteCount
      header[name] = [
        "dtype": type.elementType.dtype, "shape": type.shape.extents,
        "data_offsets": [range.lowerBound, range.upperBound],
      ]
      entries.append(
        StoredTensor(name: name, shape: type.shape, dtype: type.elementType.dtype, range: range))
      offset = range.upperBound
    }
    let all =
      checksums.map { metadata.merging($0.metadata(metadata, entries, dataStart: 0)) { $1 } }
      ?? metadata
    if !all.isEmpty { header["__metadata__"] = all }
    var text = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
    text += Data(repeating: 0x20, count: (8 - text.count % 8) % 8)
    let size = UInt64(text.count)
    return Data((0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }) + text
  }

  /// Writes a file of tensors that are in memory.
  package static func write(
    _ tensors: [(name: String, data: TensorData)], metadata: [String: String] = [:], to url: URL
  ) throws {
    let values = Dictionary(tensors) { first, _ in first }
    try write(tensors.map { ($0.name, $0.data.type) }, metadata: metadata, to: url) { name in
      guard let value = values[name] else { fatal("\(name) was given") }
      return value
    }
  }
}
