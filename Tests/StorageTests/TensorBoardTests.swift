// Event files for TensorBoard.
import Checks
import Foundation
import Testing

@testable import Storage

@Suite struct TensorBoardTests {
  @Test func checksumsAreThoseOfTheStandard() {
    // RFC 3720, B.4: 32 zeros, 32 ones, 0 to 31.
    #expect(CRC32C.checksum(Data(count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum(Data(repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum(Data(0..<32)) == 0x46DD_794E)
  }

  @Test func recordsAreWhole() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "run"), withIntermediateDirectories: true)
    let file = try TensorBoardFile(folder.url.appending(path: "run/\(TensorBoardFile.newName)"))
    try file.append(step: 300, [("loss", 1.5), ("ce", -2)])
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: folder.url.appending(path: "run").path)
        .first)
    #expect(name.hasPrefix("events.out.tfevents."))
    var rest = try Data(contentsOf: folder.url.appending(path: "run/\(name)"))[...]
    var events: [Data] = []
    while !rest.isEmpty {
      let length = Data(rest.prefix(8))
      let count = length.reversed().reduce(0) { $0 << 8 | Int($1) }
      func word(_ data: Data) -> UInt32 { data.reversed().reduce(0) { $0 << 8 | UInt32($1) } }
      #expect(word(Data(rest.dropFirst(8).prefix(4))) == TensorBoardFile.maskedChecksum(length))
      let event = Data(rest.dropFirst(12).prefix(count))
      #expect(
        word(Data(rest.dropFirst(12 + count).prefix(4))) == TensorBoardFile.maskedChecksum(event))
      events.append(event)
      rest = rest.dropFirst(16 + count)
    }
    #expect(events.count == 2 && events[0].suffix(13) == Data("brain.Event:2".utf8))
    // Step 300 as a varint after the time, then two values with their tags.
    #expect(events[1].dropFirst(9).prefix(3) == Data([0x10, 0xAC, 0x02]))
    let tail = Data([10, 4]) + Data("loss".utf8) + Data([0x15, 0, 0, 0xC0, 0x3F])
    #expect(events[1].range(of: tail) != nil)
  }
}
