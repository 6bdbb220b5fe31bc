// Text as its bytes.
import Foundation

/// Byte-level tokenizer: id b < 256 is byte b, id 256 ends a text. On disk it is the
/// `tokenizers` library's byte-level BPE without merges.
public struct ByteTokenizer: Sendable {
  public static let endOfText: Int32 = 256
  public static let vocabularySize = 257
  private static let endOfTextContent = "<|endoftext|>"

  public init() {}

  public func encode(_ text: String) -> [Int32] { text.utf8.map(Int32.init) }

  /// The text of some ids, up to the first end of text; bytes that are not UTF-8 become U+FFFD.
  public func decode(_ ids: [Int32]) -> String {
    String(decoding: ids.prefix { $0 < 256 }.map { UInt8($0) }, as: UTF8.self)
  }

  /// The printable character that stands for each byte in `tokenizer.json`: the byte's own where
  /// that is visible Latin-1, else the next from U+0100 on (GPT-2's table).
  static let characters: [Character] = {
    var next: UInt32 = 256
    return (0..<256).map { (byte: UInt32) in
      let isVisible = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
      defer { if !isVisible { next += 1 } }
      return Character(Unicode.Scalar(isVisible ? byte : next) ?? " ")
    }
  }()

  /// The file `tokenizer.json`.
  public func json() throws -> Data {
    let vocabulary = Dictionary(
      uniqueKeysWithValues: Self.characters.enumerated().map { (String($1), $0) })
    let byteLevel: [String: Any] = [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false,
    ]
    let file: [String: Any] = [
      "version": "1.0", "truncation": NSNull(), "padding": NSNull(),
      "added_tokens": [
        [
          "id": Int(Self.endOfText), "content": Self.endOfTextContent, "single_word": false,
          "lstrip": false, "rstrip": false, "normalized": false, "special": true,
        ] as [String: Any]
      ],
      "normalizer": NSNull(), "pre_tokenizer": byteLevel, "post_processor": NSNull(),
      "decoder": byteLevel,
      "model": [
        "type": "BPE", "dropout": NSNull(), "unk_token": NSNull(),
        "continuing_subword_prefix": NSNull(), "end_of_word_suffix": NSNull(),
        "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": vocabulary, "merges": [String](),
      ] as [String: Any],
    ]
    return try JSONSerialization.data(
      withJSONObject: file, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
  }

  /// Whether a `tokenizer.json` is this tokenizer.
  public static func matches(_ json: Data) -> Bool {
    guard let file = try? JSONSerialization.jsonObject(with: json) as? [String: Any],
      let model = file["model"] as? [String: Any],
      let vocabulary = model["vocab"] as? [String: Int],
      let merges = model["merges"] as? [Any]
    else { return false }
    return merges.isEmpty && vocabulary.count == 256
      && characters.enumerated().allSatisfy { vocabulary[String($1)] == $0 }
  }
}
