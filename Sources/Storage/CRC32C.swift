// A checksum of 32 bits (Castagnoli's polynomial, RFC 3720).
import Foundation

/// CRC-32C, byte by byte.
enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { (byte: UInt32) in
    (0..<8).reduce(byte) { crc, _ in crc & 1 == 1 ? 0x82F6_3B78 ^ (crc >> 1) : crc >> 1 }
  }

  static func checksum(_ data: some Sequence<UInt8>) -> UInt32 {
    ~data.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ ($0 >> 8) }
  }
}
