// Byte-level tokenizers that are made here.
import Storage

/// `tokenizer.json` files of the `tokenizers` library's byte-level BPE, whose texts end with
/// `<|endoftext|>`.
package enum ByteLevelFile {
  package static let endOfText = "<|endoftext|>"

  /// One token per byte: id b is byte b, id 256 ends a text.
  package static let bytes = file(
    vocabulary: ByteAlphabet.scalars.map { [$0] }, merges: [], endOfText: 256, cutsWords: false)

  /// A file of tokens by id and of merges by rank. With `cutsWords` texts are cut into words first, by
  /// GPT-2's pattern.
  static func file(
    vocabulary: [Scalars], merges: [(Scalars, Scalars)], endOfText: Int, cutsWords: Bool
  ) -> JSON {
    func object(_ members: KeyValuePairs<String, JSON>) -> JSON {
      .object(JSON.Object(members.map { (key: $0.key, value: $0.value) }))
    }
    let byteLevel = object([
      "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "trim_offsets": .bool(true),
      "use_regex": .bool(cutsWords),
    ])
    let end = object([
      "id": JSON(endOfText), "content": .string(Self.endOfText), "single_word": .bool(false),
      "lstrip": .bool(false), "rstrip": .bool(false), "normalized": .bool(false),
      "special": .bool(true),
    ])
    let ids = JSON.Object(vocabulary.enumerated().map { (key: $1.text, value: JSON($0)) })
    let model = object([
      "type": .string("BPE"), "dropout": .null, "unk_token": .null,
      "continuing_subword_prefix": .null, "end_of_word_suffix": .null, "fuse_unk": .bool(false),
      "byte_fallback": .bool(false), "ignore_merges": .bool(false), "vocab": .object(ids),
      "merges": .array(merges.map { .array([.string($0.0.text), .string($0.1.text)]) }),
    ])
    return object([
      "version": .string("1.0"), "truncation": .null, "padding": .null,
      "added_tokens": .array([end]), "normalizer": .null, "pre_tokenizer": byteLevel,
      "post_processor": .null, "decoder": byteLevel, "model": model,
    ])
  }

  /// The other files of a folder with such a tokenizer, by name, `tokenizer.json` first.
  package static func files(_ tokenizer: JSON, contextLength: Int?) -> [(
    name: String, text: String
  )] {
    var configuration = JSON.Object()
    configuration["tokenizer_class"] = .string("PreTrainedTokenizerFast")
    for role in ["bos_token", "eos_token", "pad_token"] {
      configuration[role] = .string(endOfText)
    }
    configuration["clean_up_tokenization_spaces"] = .bool(false)
    if let contextLength { configuration["model_max_length"] = JSON(contextLength) }
    return [
      ("tokenizer.json", tokenizer.text),
      ("tokenizer_config.json", JSON.object(configuration).text),
    ]
  }
}
