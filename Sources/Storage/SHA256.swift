// SHA-256, by which others know files and texts again.
import Base
import Foundation

/// The hash SHA-256 of bytes that come in parts (FIPS 180-4, section 6.2).
///
/// A library would do it, but every build needs it, also those without network packages, and a library for it compiles
/// a second BoringSSL, which takes longer than all of Retort's own rooms.
package struct SHA256 {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
    0x5be0_cd19,
  ]
  /// Bytes that do not fill a block yet.
  private var rest: [UInt8] = []
  private var byteCount: UInt64 = 0
  private var schedule = [UInt32](repeating: 0, count: 64)

  private static let blockSize = 64

  /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section 4.2.2).
  private static let constants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1,
    0x923f_82a4, 0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3,
    0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786,
    0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147,
    0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13,
    0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
    0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a,
    0x5b9c_ca4f, 0x682e_6ff3, 0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208,
    0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
  ]

  package init() {}

  /// Adds the next bytes.
  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    byteCount &+= UInt64(bytes.count)
    var bytes = bytes[...]
    if !rest.isEmpty {
      let count = min(Self.blockSize - rest.count, bytes.count)
      rest.append(contentsOf: bytes.prefix(count))
      bytes = bytes.dropFirst(count)
      guard rest.count == Self.blockSize else { return }
      let block = rest
      block.withUnsafeBytes { take(blocks: $0) }
      rest.removeAll(keepingCapacity: true)
    }
    let whole = bytes.count / Self.blockSize * Self.blockSize
    take(blocks: UnsafeRawBufferPointer(rebasing: bytes.prefix(whole)))
    rest.append(contentsOf: bytes.dropFirst(whole))
  }

  /// The hash of all that was added, as 64 hexadecimal digits.
  package func finish() -> String {
    var last = self
    let bitCount = byteCount &* 8
    let padding = 64 - Int((byteCount % 64 + 8) % 64)
    let end =
      [0x80] + [UInt8](repeating: 0, count: padding - 1)
      + (0..<8).map { UInt8(truncatingIfNeeded: bitCount >> (56 - 8 * UInt64($0))) }
    end.withUnsafeBytes { last.add($0) }
    return last.state.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  private mutating func take(blocks: UnsafeRawBufferPointer) {
    guard !blocks.isEmpty else { return }
    Self.constants.withUnsafeBufferPointer { constants in
      state.withUnsafeMutableBufferPointer { state in
        schedule.withUnsafeMutableBufferPointer { w in
          for start in stride(from: 0, to: blocks.count, by: Self.blockSize) {
            for i in 0..<16 {
              w[i] = UInt32(
                bigEndian: blocks.loadUnaligned(fromByteOffset: start + 4 * i, as: UInt32.self))
            }
            Self.mix(w, into: state, constants)
          }
        }
      }
    }
  }

  /// Section 6.2.2, steps 1 to 4, for the block whose words are the first 16 of `w`.
  private static func mix(
    _ w: UnsafeMutableBufferPointer<UInt32>, into state: UnsafeMutableBufferPointer<UInt32>,
    _ constants: UnsafeBufferPointer<UInt32>
  ) {
    func turned(_ x: UInt32, _ n: UInt32) -> UInt32 { (x &>> n) | (x &<< (32 &- n)) }
    for i in 16..<64 {
      let (x, y) = (w[i - 15], w[i - 2])
      w[i] =
        w[i - 16] &+ w[i - 7] &+ (turned(x, 7) ^ turned(x, 18) ^ (x &>> 3))
        &+ (turned(y, 17) ^ turned(y, 19) ^ (y &>> 10))
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for i in 0..<64 {
      let one =
        h &+ (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) &+ ((e & f) ^ (~e & g))
        &+ constants[i] &+ w[i]
      let two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) &+ ((a & b) ^ (a & c) ^ (b & c))
      (h, g, f, e, d, c, b, a) = (g, f, e, d &+ one, c, b, a, one &+ two)
    }
    for (i, value) in [a, b, c, d, e, f, g, h].enumerated() { state[i] &+= value }
  }

  /// The hash of a text's UTF-8.
  package static func hash(_ text: String) -> String {
    var hash = SHA256()
    var text = text
    text.withUTF8 { hash.add(UnsafeRawBufferPointer($0)) }
    return hash.finish()
  }

  /// The hash of a file's bytes.
  package static func hash(contentsOf url: URL) throws -> String {
    let file = try OpenFile(url)
    var hash = SHA256()
    for start in stride(from: 0, to: file.byteCount, by: partSize) {
      let part = try file.read(at: start, count: min(partSize, file.byteCount - start))
      part.withUnsafeBytes { hash.add($0) }
    }
    return hash.finish()
  }

  private static let partSize = 1 << 20
}
