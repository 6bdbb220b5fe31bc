// Writing GGUF files, one tensor in memory at a time.
import Base
import Foundation
import Tensors

extension GGUF {
  /// What a file says beside its tensors.
  package enum Value {
    case uint32(Int)
    case float32(Float)
    case bool(Bool)
    case string(String)
    case strings([String])
    case int32s([Int])
    case float32s([Float])

    /// As it is read again.
    package var json: JSON {
      switch self {
      case .uint32(let number): JSON(number)
      case .float32(let number): .number("\(number)")
      case .bool(let flag): .bool(flag)
      case .string(let text): .string(text)
      case .strings(let texts): .array(texts.map { .string($0) })
      case .int32s(let numbers): .array(numbers.map { JSON($0) })
      case .float32s(let numbers): .array(numbers.map { .number("\($0)") })
      }
    }

    /// The number of the type in the format.
    private var code: UInt32 {
      switch self {
      case .uint32: 4
      case .float32: 6
      case .bool: 7
      case .string: 8
      case .strings, .int32s, .float32s: 9
      }
    }

    fileprivate func write(to data: inout Data) {
      data.append(number: code)
      switch self {
      case .uint32(let number): data.append(number: UInt32(clamping: number))
      case .float32(let number): data.append(number: number.bitPattern)
      case .bool(let flag): data.append(flag ? 1 : 0)
      case .string(let text): data.append(text: text)
      case .strings(let texts):
        data.append(number: UInt32(8))
        data.append(number: UInt64(texts.count))
        for text in texts { data.append(text: text) }
      case .int32s(let numbers):
        data.append(number: UInt32(5))
        data.append(number: UInt64(numbers.count))
        for number in numbers { data.append(number: Int32(clamping: number)) }
      case .float32s(let numbers):
        data.append(number: UInt32(6))
        data.append(number: UInt64(numbers.count))
        for number in numbers { data.append(number: number.bitPattern) }
      }
    }
  }

  /// Writes a file of version 3, whole or not at all; `data` gives each tensor when its turn comes. Traps for types that the format has not.
  package static func write(
    _ tensors: [(name: String, type: TensorType)], metadata: [(key: String, value: Value)],
    to url: URL, data: (String) throws -> TensorData
  ) throws {
    var head = Data(magic)
    head.append(number: UInt32(3))
    head.append(number: UInt64(tensors.count))
    head.append(number: UInt64(metadata.count))
    for (key, value) in metadata {
      head.append(text: key)
      value.write(to: &head)
    }
    var offset = 0
    for (name, type) in tensors {
      guard let code = types.first(where: { $0.value == type.elementType.ggufName })?.key else {
        fatal("GGUF has no \(type.elementType.name)")
      }
      head.append(text: name)
      head.append(number: UInt32(type.shape.rank))
      for extent in type.shape.extents.reversed() { head.append(number: UInt64(extent)) }
      head.append(number: code)
      head.append(number: UInt64(offset))
      offset += padded(type.byteCount)
    }
    head.append(Data(count: padded(head.count) - head.count))
    try WholeFile.write(to: url) { file in
      try file.write(contentsOf: head)
      for (name, type) in tensors {
        let value = try data(name)
        demand(value.type == type, "\(name) is \(value.type), not \(type)")
        try file.write(contentsOf: value.withUnsafeBytes { Data($0) })
        try file.write(contentsOf: Data(count: padded(type.byteCount) - type.byteCount))
      }
    }
  }

  private static func padded(_ count: Int) -> Int {
    (count + standardAlignment - 1) / standardAlignment * standardAlignment
  }
}

extension ElementType {
  /// The type's name in GGUF.
  fileprivate var ggufName: String {
    if case .quantized(let form) = self { form.rawValue.uppercased() } else { dtype }
  }
}

extension Data {
  fileprivate mutating func append<T: FixedWidthInteger>(number: T) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }

  fileprivate mutating func append(text: String) {
    append(number: UInt64(text.utf8.count))
    append(contentsOf: text.utf8)
  }
}
