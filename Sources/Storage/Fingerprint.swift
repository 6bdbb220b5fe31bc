// What tells one content from another.
import Foundation

/// A hash of 128 bits: two lanes of multiplications and shifts over words of 8 bytes. It tells contents
/// apart that differ by accident; it is no protection against those made to collide.
public struct Fingerprint: Sendable, Hashable, CustomStringConvertible {
  private var lanes: SIMD2<UInt64> = [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344]
  private var length: UInt64 = 0

  /// A hash of nothing yet.
  public init() {}

  /// The hash of some bytes.
  public init(of data: Data) {
    self.init()
    add(data)
  }

  private mutating func add(_ word: UInt64) {
    lanes ^= [word, word &* 0x9E37_79B9_7F4A_7C15]
    lanes &*= [0xFF51_AFD7_ED55_8CCD, 0xC4CE_B9FE_1A85_EC53]
    lanes ^= lanes &>> 32
  }

  /// Adds bytes as they are.
  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    length &+= UInt64(bytes.count)
    let whole = bytes.count / 8 * 8
    for offset in stride(from: 0, to: whole, by: 8) {
      add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
    }
    var rest = length
    for byte in bytes[whole...] { rest = rest << 8 | UInt64(byte) }
    add(rest)
  }

  /// Adds bytes as they are.
  public mutating func add(_ data: Data) { data.withUnsafeBytes { add($0) } }

  /// Adds a text with its length.
  public mutating func add(_ text: String) { add(Data(text.utf8)) }

  /// Adds integers with their number.
  public mutating func add(_ integers: some Sequence<Int32>) {
    Array(integers).withUnsafeBytes { add($0) }
  }

  /// The 16 bytes.
  package var bytes: [UInt8] {
    [lanes[0], lanes[1]].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
    }
  }

  /// 32 hexadecimal digits.
  public var description: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
