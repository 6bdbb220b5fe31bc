// Tensors in a file (https://github.com/huggingface/safetensors, format description).
import Foundation
import Tensors

/// A safetensors file: named tensors with text metadata.
public struct Safetensors {
  public var tensors: [(name: String, data: TensorData)]
  public var metadata: [String: String]

  public init(_ tensors: [(name: String, data: TensorData)], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  private struct Entry: Decodable {
    let dtype: String
    let shape: [Int]
    let dataOffsets: [Int]

    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case dataOffsets = "data_offsets"
    }
  }

  private enum HeaderValue: Decodable {
    case entry(Entry)
    case metadata([String: String])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode([String: String].self) {
        self = .metadata(text)
      } else {
        self = .entry(try container.decode(Entry.self))
      }
    }
  }

  /// Reads a file. A truncated or foreign one is an error that says what is wrong; nothing larger
  /// than the file is ever allocated.
  public init(contentsOf url: URL) throws {
    guard let data = try? Data(contentsOf: url, options: .alwaysMapped) else {
      throw StorageError("Cannot read \(url.path): there is no such file, or it is not readable.")
    }
    func fail(_ why: String) -> StorageError {
      StorageError("\(url.path) is not a whole safetensors file: \(why).")
    }
    guard data.count >= 8 else { throw fail("it has \(data.count) bytes") }
    let size = (0..<8).reduce(UInt64(0)) { $0 | UInt64(data[data.startIndex + $1]) << (8 * $1) }
    guard size <= UInt64(data.count - 8) else {
      throw fail("its header claims \(size) bytes, the file has \(data.count)")
    }
    let start = 8 + Int(size)
    guard
      let header = try? JSONDecoder().decode([String: HeaderValue].self, from: data[8..<start])
    else { throw fail("its header is not the expected JSON") }
    metadata = [:]
    tensors = []
    for (name, value) in header.sorted(by: { $0.key < $1.key }) {
      guard case .entry(let entry) = value else {
        if case .metadata(let text) = value, name == "__metadata__" { metadata = text }
        continue
      }
      guard let type = Self.elementTypes[entry.dtype] else {
        throw fail("tensor \(name) has the type \(entry.dtype), which is not read yet")
      }
      var count = 1
      for extent in entry.shape {
        let (product, overflows) = count.multipliedReportingOverflow(by: extent)
        guard extent >= 0, !overflows else { throw fail("tensor \(name) has a wrong shape") }
        count = product
      }
      guard entry.dataOffsets.count == 2, entry.dataOffsets[0] >= 0,
        entry.dataOffsets[0] <= entry.dataOffsets[1],
        entry.dataOffsets[1] <= data.count - start,
        (entry.dataOffsets[1] - entry.dataOffsets[0]) / type.byteCount == count,
        (entry.dataOffsets[1] - entry.dataOffsets[0]) % type.byteCount == 0
      else { throw fail("tensor \(name) does not lie inside the file") }
      let range = (start + entry.dataOffsets[0])..<(start + entry.dataOffsets[1])
      let tensor = data[range].withUnsafeBytes {
        TensorData(TensorType(Shape(entry.shape), type), bytes: $0)
      }
      tensors.append((name, tensor))
    }
  }

  private static let elementTypes: [String: ElementType] = [
    "F32": .float32, "F16": .float16, "BF16": .bfloat16, "I32": .int32,
  ]

  private static func dtype(_ type: ElementType) -> String {
    elementTypes.first { $0.value == type }?.key ?? type.rawValue
  }

  /// Writes the file whole or not at all.
  public func write(to url: URL) throws {
    var header: [String: Any] = [:]
    if !metadata.isEmpty { header["__metadata__"] = metadata }
    var offset = 0
    for (name, data) in tensors {
      header[name] = [
        "dtype": Self.dtype(data.type.elementType), "shape": data.shape.extents,
        "data_offsets": [offset, offset + data.type.byteCount],
      ]
      offset += data.type.byteCount
    }
    var text = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
    // The data start at a multiple of 8 bytes.
    text += Data(repeating: 0x20, count: (8 - text.count % 8) % 8)
    let size = UInt64(text.count)
    try WholeFile.write(to: url) { file in
      try file.write(
        contentsOf: Data((0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }) + text)
      for (_, data) in tensors {
        try data.withUnsafeBytes { bytes in
          try file.write(contentsOf: Data(bytes))
        }
      }
    }
  }

  public subscript(name: String) -> TensorData? { tensors.first { $0.name == name }?.data }
}
