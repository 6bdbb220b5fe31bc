// Reading JSON text.

/// A recursive reader of UTF-8 bytes, with a limit on nesting.
struct JSONParser {
  struct Failure: Error {
    let reason: String
    let offset: Int
  }

  private let bytes: UnsafeRawBufferPointer
  private var offset = 0
  private var depth = 0

  private static let deepest = 256

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// One value, and white space around it.
  mutating func document() throws -> JSON {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { offset = 3 }
    let value = try value()
    skipSpace()
    guard offset == bytes.count else { throw failure("more text after the value") }
    return value
  }

  private func failure(_ reason: String) -> Failure { Failure(reason: reason, offset: offset) }

  private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      offset += 1
    }
  }

  private mutating func value() throws -> JSON {
    skipSpace()
    guard let byte = next else { throw failure("the text ends where a value is expected") }
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      depth += 1
      defer { depth -= 1 }
      guard depth <= Self.deepest else { throw failure("nesting deeper than \(Self.deepest)") }
      return byte == UInt8(ascii: "{") ? .object(try object()) : .array(try array())
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSON) throws -> JSON {
    let text = UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard bytes[offset...].starts(with: text) else { throw failure("an unknown word") }
    offset += text.count
    return value
  }

  private mutating func number() throws -> JSON {
    let start = offset
    func isPart(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"),
        UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
        true
      default: false
      }
    }
    while let byte = next, isPart(byte) { offset += 1 }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    guard !text.hasPrefix("+"), !text.hasPrefix("."), let number = Double(text), number.isFinite
    else {
      offset = start
      throw failure(text.isEmpty ? "an unexpected character" : "a number that is none")
    }
    return .number(text)
  }

  private mutating func array() throws -> [JSON] {
    offset += 1
    var items: [JSON] = []
    skipSpace()
    if next == UInt8(ascii: "]") {
      offset += 1
      return items
    }
    while true {
      items.append(try value())
      if try endsList(with: UInt8(ascii: "]")) { return items }
    }
  }

  private mutating func object() throws -> JSON.Object {
    offset += 1
    var members: [JSON.Object.Member] = []
    skipSpace()
    if next == UInt8(ascii: "}") {
      offset += 1
      return JSON.Object()
    }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw failure("no key where one is expected") }
      let key = try string()
      skipSpace()
      guard next == UInt8(ascii: ":") else { throw failure("no colon after a key") }
      offset += 1
      members.append(.init(key: key, value: try value()))
      if try endsList(with: UInt8(ascii: "}")) { return JSON.Object(members) }
    }
  }

  /// Whether a list ends here; else it goes on after a comma.
  private mutating func endsList(with end: UInt8) throws -> Bool {
    skipSpace()
    guard let byte = next, byte == end || byte == UInt8(ascii: ",") else {
      throw failure("neither a comma nor the end of a list")
    }
    offset += 1
    return byte == end
  }

  private mutating func string() throws -> String {
    offset += 1
    let start = offset
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { offset += 1 }
    var text = String(decoding: bytes[start..<offset], as: UTF8.self)
    while true {
      guard let byte = next else { throw failure("a string without an end") }
      if byte == UInt8(ascii: "\"") {
        offset += 1
        return text
      }
      if byte == UInt8(ascii: "\\") {
        offset += 1
        text.unicodeScalars.append(try escaped())
        continue
      }
      let start = offset
      while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { offset += 1 }
      text += String(decoding: bytes[start..<offset], as: UTF8.self)
    }
  }

  private mutating func escaped() throws -> Unicode.Scalar {
    guard let byte = next else { throw failure("a string without an end") }
    offset += 1
    switch byte {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "u"):
      let unit = try hexadecimal()
      guard (0xD800..<0xDC00).contains(unit) else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
      // The other half of a pair, or a half alone.
      guard bytes[offset...].starts(with: [0x5C, UInt8(ascii: "u")]) else { return "\u{FFFD}" }
      let before = offset
      offset += 2
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low) else {
        offset = before
        return "\u{FFFD}"
      }
      return Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
    default: throw failure("an unknown escape")
    }
  }

  private mutating func hexadecimal() throws -> UInt32 {
    guard offset + 4 <= bytes.count,
      let unit = UInt32(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16)
    else { throw failure("an escape without its four digits") }
    offset += 4
    return unit
  }
}
