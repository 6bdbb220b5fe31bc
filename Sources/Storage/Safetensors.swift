// Tensors in a file (https://github.com/huggingface/safetensors, format description).
import Base
import Foundation
import Tensors

/// A safetensors file: named tensors with text metadata. The file stays open, and a tensor is read when it is
/// asked for. Files that Retort wrote have a checksum for the header and for each tensor: a flipped bit is an
/// error when it is read.
package struct Safetensors: WeightFile {
  package var url: URL { file.url }
  /// What the writer noted, without the checksums.
  package let metadata: [String: String]
  /// The tensors, in the order in which they lie in the file.
  package let entries: [StoredTensor]
  private let file: OpenFile
  private let checksums: SafetensorsChecksums
  private let indexOfName: [String: Int]

  /// The format's own limit for headers.
  private static let longestHeader = 100_000_000

  /// Opens a file. One that is truncated, foreign or inconsistent is an error that says what is wrong;
  /// nothing larger than the file is ever allocated.
  package init(contentsOf url: URL) throws {
    let file = try OpenFile(url)
    func fail(_ why: String) -> UserError {
      UserError("\(url.path) is not a whole safetensors file: \(why).")
    }
    guard file.byteCount >= 8 else { throw fail("it has \(file.byteCount) bytes") }
    let length = try file.read(at: 0, count: 8)
    let size = length.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard size <= UInt64(file.byteCount - 8) else {
      throw fail("its header claims \(size) bytes, the file has \(file.byteCount)")
    }
    guard size <= Self.longestHeader else { throw fail("its header has \(size) bytes") }
    let start = 8 + Int(size)
    guard
      let header = try? JSONDecoder().decode(
        [String: HeaderValue].self, from: try file.read(at: 8, count: Int(size)))
    else { throw fail("its header is not the expected JSON") }
    var metadata: [String: String] = [:]
    var entries: [StoredTensor] = []
    for (name, value) in header {
      guard case .entry(let entry) = value else {
        guard case .metadata(let text) = value, name == "__metadata__" else {
          throw fail("tensor \(name) has no type, shape and place")
        }
        metadata = text
        continue
      }
      guard let elementSize = Self.elementSizes[entry.dtype] else {
        throw fail("tensor \(name) has the unknown type \(entry.dtype)")
      }
      var byteCount = elementSize
      for extent in entry.shape {
        let (product, overflows) = byteCount.multipliedReportingOverflow(by: extent)
        guard extent >= 0, !overflows else { throw fail("tensor \(name) has a wrong shape") }
        byteCount = product
      }
      let offsets = entry.dataOffsets
      guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1],
        offsets[1] <= file.byteCount - start
      else { throw fail("tensor \(name) does not lie inside the file") }
      guard offsets[1] - offsets[0] == byteCount else {
        throw fail(
          "tensor \(name) of shape \(Shape(entry.shape)) needs \(byteCount) bytes, its place has "
            + "\(offsets[1] - offsets[0])")
      }
      entries.append(
        StoredTensor(
          name: name, shape: Shape(entry.shape), dtype: entry.dtype,
          range: start + offsets[0]..<start + offsets[1]))
    }
    // Tensors without elements lie before what follows them.
    entries.sort {
      ($0.range.lowerBound, $0.range.upperBound, $0.name)
        < ($1.range.lowerBound, $1.range.upperBound, $1.name)
    }
    // The format has neither overlaps nor holes.
    var end = start
    for entry in entries {
      guard entry.range.lowerBound == end else {
        let what = entry.range.lowerBound < end ? "overlaps the one before it" : "leaves a hole"
        throw fail("tensor \(entry.name) \(what)")
      }
      end = entry.range.upperBound
    }
    guard end == file.byteCount else {
      throw fail("\(file.byteCount - end) bytes at its end are no tensor's")
    }
    checksums = SafetensorsChecksums(takenFrom: &metadata)
    guard checksums.fit(metadata, entries, dataStart: start) else {
      throw fail("its header is damaged: it does not have the checksum that was written")
    }
    self.file = file
    self.metadata = metadata
    self.entries = entries
    indexOfName = Dictionary(entries.indices.map { (entries[$0].name, $0) }) { first, _ in first }
  }

  package func entry(named name: String) -> StoredTensor? { indexOfName[name].map { entries[$0] } }

  /// Reads a tensor; nil where the file has none of that name, or one of a type that Retort does not
  /// compute with. Throws where the file has become shorter, or the tensor does not have its checksum.
  package func tensor(named name: String) throws -> TensorData? { try self[name] }

  package subscript(name: String) -> TensorData? {
    get throws {
      guard let entry = entry(named: name), entry.type != nil else { return nil }
      return try tensor(
        entry, try file.read(at: entry.range.lowerBound, count: entry.byteCount))
    }
  }

  /// A tensor from its bytes; nil for a type that Retort does not compute with.
  private func tensor(_ entry: StoredTensor, _ bytes: Data) throws -> TensorData? {
    guard let type = entry.type else { return nil }
    guard checksums.fits(bytes, entry.name) else {
      throw UserError(
        "\(url.path) is damaged: the tensor \(entry.name) does not have the checksum that was written. Use a "
          + "copy, or make the file again.")
    }
    return bytes.withUnsafeBytes { TensorData(type, bytes: $0) }
  }

  /// Adds the whole file to a fingerprint.
  package func add(to fingerprint: inout Fingerprint) throws { try file.add(to: &fingerprint) }

  /// Adds the whole file to a fingerprint, and gives every tensor that Retort computes with to `body` on the way, so
  /// that the file is read once. Errors are those of reading single tensors.
  package func readAll(
    addingTo fingerprint: inout Fingerprint, _ body: (StoredTensor, TensorData) throws -> Void
  ) throws {
    try file.add(to: &fingerprint, tensors: entries) { entry, bytes in
      if let value = try tensor(entry, bytes) { try body(entry, value) }
    }
  }

  /// Bytes per element of the format's types.
  private static let elementSizes: [String: Int] = [
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "U16": 2, "I16": 2,
    "F16": 2,
    "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
  ]

  private struct HeaderEntry: Decodable {
    let dtype: String
    let shape: [Int]
    let dataOffsets: [Int]

    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case dataOffsets = "data_offsets"
    }
  }

  private enum HeaderValue: Decodable {
    case entry(HeaderEntry)
    case metadata([String: String])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let entry = try? container.decode(HeaderEntry.self) {
        self = .entry(entry)
      } else {
        self = .metadata(try container.decode([String: String].self))
      }
    }
  }
}

extension ElementType {
  /// The type's name in the format. Blocks have none, and are written as what they stand for.
  public var dtype: String {
    switch self {
    case .float32: "F32"
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .int32: "I32"
    case .quantized: "F32"
    }
  }
}
