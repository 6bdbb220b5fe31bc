// A printable character for every byte (GPT-2's table).

/// The characters that stand for bytes in byte-level vocabularies: the byte's own where that is visible
/// Latin-1, else the next from U+0100 on.
enum ByteAlphabet {
  /// The character of each byte.
  static let scalars: Scalars = {
    var next: UInt32 = 256
    return (0..<256).map { (byte: UInt32) in
      let isVisible = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
      defer { if !isVisible { next += 1 } }
      return Unicode.Scalar(isVisible ? byte : next) ?? " "
    }
  }()

  /// The byte of each character, by its number; nil for characters that stand for none.
  private static let bytes: [UInt8?] = {
    var bytes = [UInt8?](repeating: nil, count: 0x200)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = UInt8(byte) }
    return bytes
  }()

  static func byte(of scalar: Unicode.Scalar) -> UInt8? {
    scalar.value < 0x200 ? bytes[Int(scalar.value)] : nil
  }

  static func encode(_ text: ArraySlice<Unicode.Scalar>) -> Scalars {
    text.utf8.map { scalars[Int($0)] }
  }

  /// The bytes that a token stands for; those of its own text where a character of it stands for none.
  static func decode(_ token: Scalars) -> [UInt8] {
    let bytes = token.compactMap(byte(of:))
    return bytes.count == token.count ? bytes : token.utf8
  }
}
