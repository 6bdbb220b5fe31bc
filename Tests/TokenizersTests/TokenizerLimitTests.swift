// Files whose parts make much of little, or take long keys.
import Checks
import Foundation
import Storage
import Testing

@testable import Tokenizers

@Suite struct TokenizerLimitTests {
  private static func many(_ text: String, _ count: Int) -> String {
    String(repeating: text, count: count)
  }

  private static let long = many("a", 1 << 17)

  private static func list(_ step: String, _ count: Int) -> String {
    [String](repeating: step, count: count).joined(separator: ",")
  }

  private static func normalizers(_ step: String, _ count: Int = 40) -> String {
    #""normalizer": {"type": "Sequence", "normalizers": [\#(list(step, count))]}"#
  }

  private static func model(_ fields: String) -> String {
    #""pre_tokenizer": null, "decoder": null, "added_tokens": [], "model": {\#(fields)}"#
  }

  private static func bpe(_ vocabulary: String, _ merges: String = "") -> String {
    model(#""type": "BPE", "vocab": {\#(vocabulary)}, "merges": [\#(merges)]"#)
  }

  private static let byteLevel =
    #"{"type": "ByteLevel", "add_prefix_space": true, "use_regex": false}"#

  /// The file of the golden parts with other members.
  private static func tokenizer(_ members: String) throws -> Tokenizer {
    let file = try JSON(contentsOf: goldenFolder("tokenizers/parts.json"))
    var object = try #require(file["base"]?.object)
    for member in try #require(JSON(parsing: Data("{\(members)}".utf8)).object).members {
      object[member.key] = member.value
    }
    return try Tokenizer(.object(object))
  }

  static let refused: [(members: String, text: String)] = [
    (normalizers(#"{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}"#), "aaaa"),
    (normalizers(#"{"type": "Replace", "pattern": {"Regex": ""}, "content": "aaaa"}"#), "aaaa"),
    (normalizers(#"{"type": "Prepend", "prepend": "\#(long)"}"#), "a"),
    (normalizers(#"{"type": "ByteLevel"}"#), "\u{E9}"),
    (#""normalizer": {"type": "NFC"}"#, "a" + many("\u{327}\u{301}", 1 << 17)),
    (normalizers(#"{"type": "NFC"}"#, 1000), "a"),
    (#""normalizer": {"type": "Prepend", "prepend": "\#(long)"}"#, many("<e>a", 1000)),
    (
      #""pre_tokenizer": {"type": "Sequence", "pretokenizers": [\#(list(byteLevel, 40))]}"#,
      "\u{E9}"
    ),
    (#""normalizer": {"type": "\#(long)"}"#, "a"),
    (
      #""post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "\#(long)"}}]}"#,
      "a"
    ),
    (#""normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}"#, "a"),
    (bpe(#""a": -1"#), "a"), (bpe(#""a": 1e30"#), "a"), (bpe(#""a": 100000000"#), "a"),
    (bpe(#""\#(long)": "x""#), "a"), (bpe(#""a": 1"#, #"["\#(long)", "a"]"#), "a"),
    (model(#""type": "BPE", "dropout": 0.5, "vocab": {"a": 1}, "merges": []"#), "a"),
    (model(#""type": "WordPiece", "unk_token": "\#(long)", "vocab": {"a": 1}"#), "a"),
    (model(#""type": "Unigram", "unk_id": 0, "vocab": [["a", -1], ["\#(long)", -2]]"#), long),
    (
      model(
        ###""type": "WordPiece", "unk_token": "a", "max_input_chars_per_word": 10000000, "vocab": {"a": 1, "##a": 3, "\###(long)": 2, "##\###(long)": 4}"###
      ), many("a", (1 << 17) - 1)
    ),
    (#""added_tokens": [{"id": 300, "content": "\#(long)b", "special": true}]"#, long),
    (#""decoder": {"type": "Sequence", "decoders": [\#(list(#"{"type": "Fuse"}"#, 1000))]}"#, "a"),
  ]

  @Test(arguments: 0..<refused.count) func whatIsTooMuchIsASentence(index: Int) {
    let (members, text) = Self.refused[index]
    let clock = ContinuousClock.now
    let error = #expect(throws: TokenizerError.self, "\(members.prefix(200))") {
      try Self.tokenizer(members).encode(text)
    }
    #expect((error?.description.utf8.count ?? 0) < 400)
    #expect(ContinuousClock.now - clock < .seconds(20))
  }

  /// What is large and still has an answer: members of the file, a text, how many ids.
  static let slow: [(members: String, text: String, count: Int)] = [
    (bpe(#""a": 0, "aa": 1, "aaaa": 2"#, #"["a", "a"], ["aa", "aa"]"#), long, 1 << 15),
    (bpe(#""a": 60000000, "b": 1"#), "ab", 2), (bpe(#""a": 1, "b": 1"#), "ab", 2),
    (
      model(#""type": "Unigram", "unk_id": 0, "vocab": [["<", 0], ["a", -1], ["aa", -1]]"#), long,
      1 << 16
    ),
    (
      model(
        ###""type": "WordPiece", "unk_token": "a", "max_input_chars_per_word": 10000000, "vocab": {"a": 1, "##a": 3}"###
      ), long, 1 << 17
    ),
    (
      #""pre_tokenizer": null, "normalizer": {"type": "Replace", "pattern": {"String": "\#(long)b"}, "content": ""}"#,
      many("a", 1000), 500
    ),
    (
      #""decoder": {"type": "Sequence", "decoders": [\#(list(#"{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}"#, 60))]}"#,
      "a b", 3
    ),
    (
      #""decoder": {"type": "Replace", "pattern": {"Regex": "(?:a|a)*b"}, "content": "aa"}"#,
      many("ac", 1000), 2000
    ),
    (#""normalizer": {"type": "NFC"}"#, many("a" + many("\u{327}\u{301}", 100), 100), 0),
  ]

  @Test(arguments: 0..<slow.count) func whatIsLargeEndsSoon(index: Int) throws {
    let (members, text, count) = Self.slow[index]
    let clock = ContinuousClock.now
    let tokenizer = try Self.tokenizer(members)
    let ids = try tokenizer.encode(text)
    #expect(count == 0 || ids.count == count, "\(members.prefix(200))")
    _ = tokenizer.decode(ids)
    #expect(ContinuousClock.now - clock < .seconds(20))
  }

  /// The ids are those that `tokenizers` 0.23 gives: of a piece that is there twice the last one counts.
  @Test func ofEqualPiecesTheLastCounts() throws {
    let tokenizer = try Self.tokenizer(
      Self.model(
        #""type": "Unigram", "unk_id": 0, "vocab": [["<unk>", -5], ["a", -1], ["b", -2], ["ab", -2.5], ["ab", -9], ["a", -3]]"#
      ))
    #expect(try tokenizer.encode("abab") == [5, 2, 5, 2] && tokenizer.encode("aab") == [5, 5, 2])
  }
}
