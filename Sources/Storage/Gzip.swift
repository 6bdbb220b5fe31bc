// Unpacking gzip (RFC 1952), by zlib.
import Base
import CZlib
import Foundation

extension Data {
  /// Whether the data begin as a gzip file does.
  var isGzip: Bool { starts(with: [0x1F, 0x8B, 0x08]) }

  /// What a gzip file holds, all its members one after the other. Damaged and endless files are errors.
  func unpacked(named name: String, atMost limit: Int = 8 << 30) throws -> Data {
    var stream = z_stream()
    // 15 bits of window, and 16 for the header of gzip.
    guard
      inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw UserError("Cannot unpack \(name): there is no memory.") }
    defer { inflateEnd(&stream) }
    var unpacked = Data()
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    var rest = self
    while true {
      // zlib counts in 32 bits.
      let part = rest.prefix(1 << 30)
      let (state, read) = part.withUnsafeBytes { input in
        piece.withUnsafeMutableBytes { output in
          stream.next_in = UnsafeMutablePointer(
            mutating: input.bindMemory(to: UInt8.self).baseAddress)
          stream.avail_in = UInt32(input.count)
          stream.next_out = output.bindMemory(to: UInt8.self).baseAddress
          stream.avail_out = UInt32(output.count)
          let state = inflate(&stream, Z_NO_FLUSH)
          return (state, input.count - Int(stream.avail_in))
        }
      }
      unpacked += piece[..<(piece.count - Int(stream.avail_out))]
      rest = rest.dropFirst(read)
      guard unpacked.count <= limit else {
        throw UserError(
          "\(name) unpacks to more than \(limit >> 30) GiB. `gzip -d` unpacks it; parts of it can be named one by one."
        )
      }
      switch state {
      case Z_OK where !rest.isEmpty || stream.avail_out == 0: continue
      case Z_STREAM_END:
        guard rest.isGzip else { return unpacked }
        guard inflateReset(&stream) == Z_OK else { break }
        continue
      default: break
      }
      throw UserError(
        state == Z_OK || state == Z_BUF_ERROR
          ? "\(name) is packed with gzip and ends too early."
          : "\(name) is packed with gzip and damaged after \(unpacked.count) bytes of its content.")
    }
  }
}
