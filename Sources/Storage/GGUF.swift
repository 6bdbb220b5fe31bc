// GGUF files: a model's weights, sizes and tokenizer in one (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
import Base
import Foundation
import Tensors

/// A GGUF file of version 2 or 3, little-endian. It stays open, and a tensor is read when it is asked for.
package struct GGUF: WeightFile {
  package var url: URL { file.url }
  /// What the file says beside its tensors, such as `llama.block_count`.
  package let metadata: [String: JSON]
  /// The tensors under their names in the file; shapes with the outermost extent first.
  package let entries: [StoredTensor]
  private let file: OpenFile
  private let indexOfName: [String: Int]

  package static let fileExtension = "gguf"
  static let magic: [UInt8] = Array("GGUF".utf8)
  static let alignmentKey = "general.alignment"
  static let standardAlignment = 32

  /// The types of tensors, by their numbers in the format.
  static let types: [UInt32: String] = [
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1",
    10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS",
    17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS",
    24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0",
    35: "TQ2_0", 39: "MXFP4",
  ]

  /// Whether a path is that of such a file, by how it begins.
  package static func isOne(_ url: URL) -> Bool {
    guard let file = try? OpenFile(url), file.byteCount >= 4 else { return false }
    return (try? file.read(at: 0, count: 4)).map { Array($0) == magic } ?? false
  }

  /// Opens a file. One that is truncated, foreign or inconsistent is an error that says what is wrong; nothing larger than the file is
  /// ever allocated.
  package init(contentsOf url: URL) throws {
    let file = try OpenFile(url)
    var reader = GGUFReader(file)
    guard file.byteCount >= 24, Array(try file.read(at: 0, count: 4)) == Self.magic else {
      throw reader.failure("it does not begin with GGUF")
    }
    try reader.skip(4)
    let version = try reader.number(UInt32.self)
    guard (2...3).contains(version) else {
      throw reader.failure(
        "it is of version \(version)\(version > 0xFFFF ? " (numbers of the other byte order)" : ""); versions 2 and 3 are read"
      )
    }
    let tensorCount = try reader.count(of: "tensors", leastBytes: 24)
    let valueCount = try reader.count(of: "values", leastBytes: 13)
    var metadata: [String: JSON] = [:]
    for _ in 0..<valueCount {
      let key = try reader.string()
      metadata[key] = try reader.value(named: key)
    }
    var found: [(name: String, shape: Shape, dtype: String, offset: Int)] = []
    for _ in 0..<tensorCount {
      let name = try reader.string()
      let rank = try reader.number(UInt32.self)
      guard rank <= 4 else { throw reader.failure("tensor \(name) has \(rank) axes") }
      var extents: [Int] = []
      var elements = 1
      for _ in 0..<rank {
        let extent = try reader.number(UInt64.self)
        // An extent of 0 hides no others.
        let (product, overflows) = elements.multipliedReportingOverflow(
          by: max(1, Int(clamping: extent)))
        guard !overflows, product <= 1 << 50 else {
          throw reader.failure("tensor \(name) has a wrong shape")
        }
        elements = product
        extents.insert(Int(extent), at: 0)
      }
      let type = try reader.number(UInt32.self)
      let offset = try reader.number(UInt64.self)
      guard let offset = Int(exactly: offset), offset <= file.byteCount else {
        throw reader.failure("tensor \(name) does not lie inside the file")
      }
      found.append((name, Shape(extents), Self.types[type] ?? "type \(type)", offset))
    }
    let alignment = metadata[Self.alignmentKey]?.int ?? Self.standardAlignment
    guard alignment > 0, alignment <= 1 << 20 else {
      throw reader.failure("its alignment is \(alignment)")
    }
    let start = (reader.offset + alignment - 1) / alignment * alignment
    var entries: [StoredTensor] = []
    for (name, shape, dtype, offset) in found {
      // Types that are not known have no size, and are never read.
      let probe = StoredTensor(name: name, shape: shape, dtype: dtype, range: 0..<0)
      var size = 0
      if let type = probe.type {
        if case .quantized(let form) = type.elementType, shape.columnCount % form.blockLength != 0 {
          throw reader.failure(
            "tensor \(name) of shape \(shape) has rows that are no whole blocks of \(form.blockLength)"
          )
        }
        size = type.byteCount
      }
      guard start <= file.byteCount, offset <= file.byteCount - start,
        size <= file.byteCount - start - offset
      else { throw reader.failure("tensor \(name) does not lie inside the file") }
      entries.append(
        StoredTensor(
          name: name, shape: shape, dtype: dtype, range: start + offset..<start + offset + size))
    }
    entries.sort { ($0.range.lowerBound, $0.name) < ($1.range.lowerBound, $1.name) }
    for (one, next) in zip(entries, entries.dropFirst())
    where one.range.upperBound > next.range.lowerBound {
      throw reader.failure("tensor \(next.name) overlaps \(one.name)")
    }
    self.file = file
    self.metadata = metadata
    self.entries = entries
    indexOfName = Dictionary(entries.indices.map { (entries[$0].name, $0) }) { first, _ in first }
    guard indexOfName.count == entries.count else {
      throw reader.failure("two tensors have one name")
    }
  }

  package func entry(named name: String) -> StoredTensor? { indexOfName[name].map { entries[$0] } }

  package func tensor(named name: String) throws -> TensorData? {
    guard let entry = entry(named: name), let type = entry.type else { return nil }
    return try file.read(at: entry.range.lowerBound, count: entry.byteCount).withUnsafeBytes {
      TensorData(type, bytes: $0)
    }
  }

  package func add(to fingerprint: inout Fingerprint) throws { try file.add(to: &fingerprint) }

  package func readAll(
    addingTo fingerprint: inout Fingerprint, _ body: (StoredTensor, TensorData) throws -> Void
  ) throws {
    try file.add(to: &fingerprint, tensors: entries.filter { $0.type != nil }) { entry, bytes in
      guard let type = entry.type else { return }
      try body(entry, bytes.withUnsafeBytes { TensorData(type, bytes: $0) })
    }
  }
}

/// Reads the head of a file from its beginning on.
private struct GGUFReader {
  private let file: OpenFile
  private(set) var offset = 0
  /// What was read ahead, and where it begins.
  private var bytes = Data()
  private var start = 0

  private static let pieceLength = 1 << 20
  private static let deepest = 4

  init(_ file: OpenFile) { self.file = file }

  func failure(_ why: String) -> UserError {
    UserError("\(file.url.path) is not a whole GGUF file: \(why).")
  }

  mutating func skip(_ count: Int) throws { _ = try take(count) }

  private mutating func take(_ count: Int) throws -> Data {
    guard count <= file.byteCount - offset else { throw failure("its head is cut off") }
    if offset + count > start + bytes.count {
      start = offset
      bytes = try file.read(
        at: offset, count: max(count, min(Self.pieceLength, file.byteCount - offset)))
    }
    let first = bytes.startIndex + offset - start
    offset += count
    return bytes[first..<first + count]
  }

  mutating func number<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
    let data = try take(MemoryLayout<T>.size)
    return data.reversed().reduce(T(0)) { $0 << 8 | T(truncatingIfNeeded: $1) }
  }

  /// How many things follow, each of which takes at least so many bytes.
  mutating func count(of what: String, leastBytes: Int) throws -> Int {
    let count = try number(UInt64.self)
    guard count <= UInt64((file.byteCount - offset) / leastBytes) else {
      throw failure("it claims \(count) \(what), more than it has room for")
    }
    return Int(count)
  }

  mutating func string() throws -> String {
    let count = try count(of: "bytes of a text", leastBytes: 1)
    return String(decoding: try take(count), as: UTF8.self)
  }

  mutating func value(named key: String) throws -> JSON {
    try value(of: try number(UInt32.self), key, depth: 0)
  }

  private mutating func value(of type: UInt32, _ key: String, depth: Int) throws -> JSON {
    switch type {
    case 0: return JSON(Int(try number(UInt8.self)))
    case 1: return JSON(Int(Int8(bitPattern: try number(UInt8.self))))
    case 2: return JSON(Int(try number(UInt16.self)))
    case 3: return JSON(Int(Int16(bitPattern: try number(UInt16.self))))
    case 4: return JSON(Int(try number(UInt32.self)))
    case 5: return JSON(Int(Int32(bitPattern: try number(UInt32.self))))
    case 6:
      let float = Float(bitPattern: try number(UInt32.self))
      return float.isFinite ? .number("\(float)") : .null
    case 7: return .bool(try number(UInt8.self) != 0)
    case 8: return .string(try string())
    case 9:
      let element = try number(UInt32.self)
      guard depth < Self.deepest else { throw failure("\(key) is nested too deeply") }
      let size = [0: 1, 1: 1, 2: 2, 3: 2, 7: 1, 10: 8, 11: 8, 12: 8][element] ?? 4
      let count = try count(of: "elements of \(key)", leastBytes: size)
      var elements: [JSON] = []
      for _ in 0..<count { elements.append(try value(of: element, key, depth: depth + 1)) }
      return .array(elements)
    case 10: return .number(String(try number(UInt64.self)))
    case 11: return .number(String(Int64(bitPattern: try number(UInt64.self))))
    case 12:
      let double = Double(bitPattern: try number(UInt64.self))
      return double.isFinite ? JSON(double) : .null
    default: throw failure("\(key) has the unknown type \(type)")
    }
  }
}
