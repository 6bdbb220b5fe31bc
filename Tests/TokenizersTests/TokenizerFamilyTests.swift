// Every family of tokenizers against the `tokenizers` library, on 20,000 strings.
import Checks
import Foundation
import Storage
import Testing
import Tokenizers

@Suite struct TokenizerFamilyTests {
  static let families = [
    "bert", "bert-cased", "gpt2", "llama2", "llama3", "mistral", "o200k", "qwen", "t5", "unigram",
  ]

  /// The checksum of zip and PNG (ISO 3309).
  private static let table: [UInt32] = (0..<256).map { (byte: UInt32) in
    (0..<8).reduce(byte) { crc, _ in crc & 1 == 1 ? 0xEDB8_8320 ^ (crc >> 1) : crc >> 1 }
  }

  private static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ ($0 >> 8) }
  }

  /// The strings whose ids or decoding differ from the library's.
  static func differences(_ tokenizer: Tokenizer, sums: String) throws -> [String] {
    let data = try Data(contentsOf: goldenFolder("tokenizers/\(sums).sums"))
    let words = data.withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) }
    try #require(words.count == 2 * goldenStrings.count && goldenStrings.count >= 20_000)
    return try goldenStrings.enumerated().compactMap { index, text in
      let ids = try tokenizer.encode(text)
      let idSum = checksum(
        ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) } })
      let decoded = tokenizer.decode(ids)
      if idSum == words[2 * index], checksum(decoded.utf8) == words[2 * index + 1] { return nil }
      let what = idSum == words[2 * index] ? "decoding" : "ids"
      return "\(what) of \(index) \(text.debugDescription): \(ids) \(decoded.debugDescription)"
    }
  }

  /// A real one: the tokenizer of all-MiniLM-L6-v2.
  @Test(.enabled(if: MiniLM.isHere, "all-MiniLM-L6-v2 is not here: Scripts/minilm fetches it"))
  func theRealVocabularyOfMiniLM() throws {
    let tokenizer = try Tokenizer(contentsOf: MiniLM.folder.appending(path: "tokenizer.json"))
    let differences = try Self.differences(tokenizer, sums: "minilm")
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(8))")
  }

  @Test(arguments: families) func idsAndTextsAreThoseOfTheLibrary(family: String) throws {
    let tokenizer = try Tokenizer(contentsOf: goldenFolder("tokenizers/\(family).json"))
    let differences = try Self.differences(tokenizer, sums: family)
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(8))")
  }
}
