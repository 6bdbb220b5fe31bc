// Safetensors files: whole ones, and every kind of damage.
import Base
import Checks
import Foundation
import Storage
import Tensors
import Testing

@Suite struct SafetensorsTests {
  private let url = FileManager.default.temporaryDirectory.appending(path: "retort-\(UUID()).st")

  /// A file with a header of some text and so many bytes of data.
  private func write(_ header: String, data: Int, claimed: Int? = nil) throws {
    let size = UInt64(bitPattern: Int64(claimed ?? header.utf8.count))
    let length = (0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
    try (Data(length) + Data(header.utf8) + Data(count: data)).write(to: url)
  }

  private func failure() -> String {
    defer { try? FileManager.default.removeItem(at: url) }
    do { _ = try Safetensors(contentsOf: url) } catch { return "\(error)" }
    return ""
  }

  private static func entry(
    _ name: String, _ shape: String, _ offsets: String, _ type: String = "F32"
  )
    -> String
  {
    #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  private static let damages: [(header: String, data: Int, message: String)] = [
    ("{\(entry("a", "[2]", "[0,8]"))}", 4, "does not lie inside"),
    ("{\(entry("a", "[2]", "[0,8]"))}", 12, "no tensor's"),
    ("{\(entry("a", "[3]", "[0,8]"))}", 8, "needs 12 bytes"),
    ("{\(entry("a", "[-2]", "[0,8]"))}", 8, "wrong shape"),
    ("{\(entry("a", "[4611686018427387904,8]", "[0,8]"))}", 8, "wrong shape"),
    ("{\(entry("a", "[2]", "[8,0]"))}", 8, "does not lie inside"),
    ("{\(entry("a", "[2]", "[0,8,16]"))}", 8, "does not lie inside"),
    ("{\(entry("a", "[2]", "[0,8]")),\(entry("b", "[2]", "[4,12]"))}", 12, "overlaps"),
    ("{\(entry("a", "[2]", "[0,8]")),\(entry("b", "[2]", "[12,20]"))}", 20, "leaves a hole"),
    ("{\(entry("a", "[2]", "[0,8]", "F31"))}", 8, "unknown type F31"),
    ("{\"a\":1}", 8, "not the expected JSON"), ("[]", 0, "not the expected JSON"),
    ("{\"a\":{\"dtype\":\"F32\"}}", 8, "has no type"),
    ("{\"a\":{\"b\":\"c\"}}", 8, "has no type"),
    (String(repeating: "{\"a\":", count: 100_000), 0, "not the expected JSON"),
  ]

  @Test(arguments: 0..<damages.count) func damagedHeadersAreRefused(index: Int) throws {
    let (header, data, message) = Self.damages[index]
    try write(header, data: data)
    let told = failure()
    #expect(told.contains(message), "\(told)")
  }

  @Test func hugeLengthsAreRefused() throws {
    for claimed in [100, Int.max, -1] {
      try write("{}", data: 0, claimed: claimed)
      #expect(failure().contains("its header claims"))
    }
  }

  @Test func everyTruncationAndManyFlippedBytesAreRefusedOrRead() throws {
    let numbers = TensorData([2, 3], [1, 2, 3, 4, 5, 6] as [Float])
    try Safetensors.write(
      [("x", numbers), ("y", numbers.stored(as: .bfloat16))], metadata: ["a": "b"], to: url)
    let whole = try Data(contentsOf: url)
    let file = try Safetensors(contentsOf: url)
    #expect(try file["x"] == numbers && file.metadata == ["a": "b"] && file["z"] == nil)
    for count in 0..<whole.count {
      try whole.prefix(count).write(to: url)
      #expect(failure() != "", "\(count) bytes")
    }
    var random = RandomData(seed: 5)
    for _ in 0..<2000 {
      var damaged = whole
      for _ in 0...random.integer(below: 3) {
        damaged[random.integer(below: whole.count)] = UInt8(random.integer(below: 256))
      }
      try damaged.write(to: url)
      // A sentence, from the header or from a tensor; where bytes were replaced by themselves, the same numbers.
      do {
        let file = try Safetensors(contentsOf: url)
        let same = try file["x"] == numbers && file["y"] == numbers.stored(as: .bfloat16)
        #expect(same && file.metadata == ["a": "b"], "damage went unnoticed")
      } catch is UserError {}
    }
    try? FileManager.default.removeItem(at: url)
  }
}
