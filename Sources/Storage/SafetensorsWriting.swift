// Writing safetensors files, one tensor in memory at a time.
import Foundation
import Tensors

extension Safetensors {
  /// Writes a file whole or not at all; `data` gives each tensor when its turn comes.
  public static func write(
    _ tensors: [(name: String, type: TensorType)], metadata: [String: String], to url: URL,
    data: (String) throws -> TensorData
  ) throws {
    var header: [String: Any] = [:]
    if !metadata.isEmpty { header["__metadata__"] = metadata }
    var offset = 0
    for (name, type) in tensors {
      precondition(header[name] == nil, "two tensors are called \(name)")
      header[name] = [
        "dtype": type.elementType.dtype, "shape": type.shape.extents,
        "data_offsets": [offset, offset + type.byteCount],
      ]
      offset += type.byteCount
    }
    var text = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
    // The data start at a multiple of 8 bytes.
    text += Data(repeating: 0x20, count: (8 - text.count % 8) % 8)
    let size = UInt64(text.count)
    try WholeFile.write(to: url) { file in
      try file.write(
        contentsOf: Data((0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }) + text)
      for (name, type) in tensors {
        let data = try data(name)
        precondition(data.type == type, "\(name) is \(data.type), not \(type)")
        try data.withUnsafeBytes { try file.write(contentsOf: Data($0)) }
      }
    }
  }

  /// Writes a file of tensors that are in memory.
  public static func write(
    _ tensors: [(name: String, data: TensorData)], metadata: [String: String] = [:], to url: URL
  ) throws {
    let values = Dictionary(tensors) { first, _ in first }
    try write(tensors.map { ($0.name, $0.data.type) }, metadata: metadata, to: url) { name in
      guard let value = values[name] else { preconditionFailure("\(name) was given") }
      return value
    }
  }
}
