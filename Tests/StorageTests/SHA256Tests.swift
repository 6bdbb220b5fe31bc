// SHA-256 against the examples of its standard.
import Foundation
import Storage
import Testing

@Suite struct SHA256Tests {
  /// NIST's examples for FIPS 180-4, and lengths around a block.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
    (
      String(repeating: "a", count: 1_000_000),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
  ]) func examplesOfTheStandard(text: String, hash: String) {
    #expect(SHA256.hash(text) == hash)
  }

  @Test func partsAreTheWhole() throws {
    let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    for count in [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 300] {
      let all = Array(bytes.prefix(count))
      try Data(all).write(to: folder)
      let whole = try SHA256.hash(contentsOf: folder)
      for size in [1, 7, 63, 64, 65] {
        var hash = SHA256()
        for start in stride(from: 0, to: count, by: size) {
          all[start..<min(count, start + size)].withUnsafeBytes { hash.add($0) }
        }
        #expect(hash.finish() == whole, "\(count) bytes in parts of \(size)")
      }
    }
  }
}
