// Event files that TensorBoard shows.
import Base
import Foundation

/// Appends scalars to a file of TensorFlow's record format: length, its checksum, an `Event` message, its
/// checksum (tensorflow/core/util/event.proto, tensorflow/core/lib/io/record_writer.h).
package final class TensorBoardFile {
  private let file: FileHandle
  private let url: URL

  /// A name by which TensorBoard knows event files; it reads all files of a folder as one run.
  package static var newName: String {
    "events.out.tfevents.\(Int(Date().timeIntervalSince1970 * 1000)).retort"
  }

  /// Makes a new file, whose folder is there.
  package init(_ url: URL) throws {
    self.url = url
    guard FileManager.default.createFile(atPath: url.path, contents: nil) else {
      throw UserError("Cannot write \(url.path)", errno)
    }
    file = try FileHandle(forWritingTo: url)
    try append(Self.message(step: 0) + Self.field(3, Data("brain.Event:2".utf8)))
  }

  /// Appends numbers under their names, all of one step.
  package func append(step: Int, _ scalars: [(name: String, value: Double)]) throws {
    let values = scalars.map { scalar -> Data in
      let tag = Self.field(1, Data(scalar.name.utf8))
      // Field 2, a float in 4 bytes
      return Self.field(1, tag + Data([2 << 3 | 5]) + Self.bytes(Float(scalar.value).bitPattern))
    }
    try append(Self.message(step: step) + Self.field(5, values.reduce(Data(), +)))
  }

  private func append(_ event: Data) throws {
    let length = Self.bytes(UInt64(event.count))
    let record =
      length + Self.bytes(Self.maskedChecksum(length)) + event
      + Self.bytes(Self.maskedChecksum(event))
    do { try file.write(contentsOf: record) } catch {
      throw UserError("Cannot write to \(url.path)", of: error)
    }
  }

  // MARK: Protocol buffers

  /// An `Event` with its time (field 1, a double) and step (field 2).
  private static func message(step: Int) -> Data {
    Data([1 << 3 | 1]) + bytes(Date().timeIntervalSince1970.bitPattern) + Data([2 << 3])
      + varint(UInt64(step))
  }

  /// A field that holds bytes.
  private static func field(_ number: UInt8, _ content: Data) -> Data {
    Data([number << 3 | 2]) + varint(UInt64(content.count)) + content
  }

  private static func varint(_ value: UInt64) -> Data {
    var (rest, out) = (value, Data())
    while rest >= 0x80 {
      out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return out + [UInt8(rest)]
  }

  private static func bytes<T: FixedWidthInteger>(_ value: T) -> Data {
    withUnsafeBytes(of: value.littleEndian) { Data($0) }
  }

  // MARK: Checksums

  /// As the record format rotates it, so that a checksum of checksums stays one.
  static func maskedChecksum(_ data: Data) -> UInt32 {
    let crc = CRC32C.checksum(data)
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }
}
