// A tokenizer as a GGUF file says it.
import Base
import Foundation
import Storage

extension TokenizerDirectory {
  /// The keys `tokenizer.*` of a GGUF file, for a model whose table has so many rows. Throws where a text is cut in a way that llama.cpp has no name for.
  package func ggufMetadata(rows: Int) throws -> [(key: String, value: GGUF.Value)] {
    guard let text = files.first(where: { $0.name == "tokenizer.json" })?.text else {
      throw TokenizerError("\(url.path) has no tokenizer.json.")
    }
    let json = try JSON(parsing: Data(text.utf8))
    guard let vocabulary = json["model"]?["vocab"]?.object?.members,
      let merges = json["model"]?["merges"]?.array
    else {
      throw TokenizerError("\(url.path): GGUF files take byte pairs, and this tokenizer is none.")
    }
    typealias Kind = GGUFTokenizer.Kind
    var tokens = (0..<rows).map(GGUFTokenizer.padding)
    var kinds = [Kind](repeating: .unused, count: rows)
    // Texts are compared by their bytes: two forms of one letter are two tokens.
    var ids: [[UInt8]: Int] = [:]
    let hasBytes = json["model"]?["byte_fallback"]?.bool ?? false
    func put(_ token: String, _ id: Int?, _ kind: Kind) {
      guard let id, tokens.indices.contains(id) else { return }
      (tokens[id], kinds[id], ids[Array(token.utf8)]) = (token, kind, id)
    }
    for member in vocabulary {
      let isByte = hasBytes && member.key.count == 6 && member.key.hasPrefix("<0x")
      put(member.key, member.value.int, isByte ? .byte : .normal)
    }
    for token in json["added_tokens"]?.array ?? [] {
      let isSpecial = token["special"]?.bool ?? false
      put(token["content"]?.string ?? "", token["id"]?.int, isSpecial ? .control : .userDefined)
    }
    if hasBytes, let unknown = json["model"]?["unk_token"]?.string {
      put(unknown, ids[Array(unknown.utf8)], .unknown)
    }
    let pairs = merges.map {
      $0.string ?? ($0.array ?? []).compactMap(\.string).joined(separator: " ")
    }
    var values: [(key: String, value: GGUF.Value)] = []
    if hasBytes {
      // Pieces that are joined first have the highest scores.
      var scores = [Float](repeating: -1e6, count: rows)
      for (rank, pair) in pairs.enumerated().reversed() {
        if let id = ids[pair.utf8.filter { $0 != 0x20 }] { scores[id] = -Float(rank) }
      }
      let normalizers = json["normalizer"]?["normalizers"]?.array ?? []
      let prepends =
        normalizers.contains { $0["type"]?.string == "Prepend" }
        || json["pre_tokenizer"]?["type"]?.string == "Metaspace"
      values += [
        ("tokenizer.ggml.model", .string("llama")), ("tokenizer.ggml.pre", .string("default")),
        ("tokenizer.ggml.scores", .float32s(scores)),
        ("tokenizer.ggml.add_space_prefix", .bool(prepends)),
      ]
    } else {
      values += [
        ("tokenizer.ggml.model", .string("gpt2")),
        ("tokenizer.ggml.pre", .string(try cut(json))), ("tokenizer.ggml.merges", .strings(pairs)),
      ]
    }
    values += [
      ("tokenizer.ggml.tokens", .strings(tokens)),
      ("tokenizer.ggml.token_type", .int32s(kinds.map(\.rawValue))),
    ]
    for (role, name) in [
      ("bos", "bos_token"), ("eos", "eos_token"), ("unknown", "unk_token"),
      ("padding", "pad_token"),
    ] {
      if let id = specialTokens[name].flatMap({ ids[Array($0.utf8)] }) {
        values.append(("tokenizer.ggml.\(role)_token_id", .uint32(id)))
      }
    }
    let around = try tokenizer.encode("")
    // A token that stands in front begins a text, whatever it is called.
    let start =
      specialTokens["bos_token"].flatMap { ids[Array($0.utf8)] } ?? around.first.map { Int($0) }
    if specialTokens["bos_token"] == nil, let start {
      values.append(("tokenizer.ggml.bos_token_id", .uint32(start)))
    }
    if specialTokens["eos_token"] == nil, let endOfText {
      values.append(("tokenizer.ggml.eos_token_id", .uint32(Int(endOfText))))
    }
    let addsStart = around.first.map { Int($0) == start } ?? false
    // One token for both stands in front.
    let addsEnd = around.last == endOfText && endOfText != nil && (around.count > 1 || !addsStart)
    values.append(("tokenizer.ggml.add_bos_token", .bool(addsStart)))
    values.append(("tokenizer.ggml.add_eos_token", .bool(addsEnd)))
    if let template = chatTemplateSource() {
      values.append(("tokenizer.chat_template", .string(template)))
    }
    try requireSame(values)
    return values
  }

  /// Throws unless what the file will say makes the same tokens of texts: those of tokens themselves, and some that meet every part of a tokenizer.
  private func requireSame(_ values: [(key: String, value: GGUF.Value)]) throws {
    let metadata = Dictionary(values.map { ($0.key, $0.value.json) }) { first, _ in first }
    let json = try GGUFTokenizer(metadata, of: url).files()["tokenizer.json"] ?? ""
    let read = try Tokenizer(JSON(parsing: Data(json.utf8)))
    let count = tokenizer.vocabularySize
    let own = stride(from: 0, to: count, by: max(1, count / 2000)).map {
      tokenizer.decode([Int32($0)], skipsSpecialTokens: false)
    }
    for text in own + Self.probes
    where try read.encode(text) != tokenizer.encode(text) {
      throw TokenizerError(
        "\(url.path) makes other tokens of \(String(text.prefix(40)).json) than GGUF could say, such as by a normalizer or an added token of a kind that it has no word for."
      )
    }
  }

  private static let probes = [
    "", "It was", " It was  NICE\n\n next\t", "don't WON'T we'll", "1234 56 7",
    "\u{e9} e\u{301} \u{df} \u{fb01}",
    "\u{65e5}\u{672c}\u{8a9e} \u{915}\u{93f}", "x = {1: [2, 3]}; // y", "\u{1f600}\u{200d}!",
    "<s> </s> <|im_start|>",
  ]

  /// llama.cpp's name for how words are cut.
  private func cut(_ json: JSON) throws -> String {
    // Where nothing is joined, it does not matter.
    if json["model"]?["merges"]?.array?.isEmpty ?? false { return "gpt-2" }
    let steps =
      json["pre_tokenizer"]?["pretokenizers"]?.array ?? json["pre_tokenizer"].map { [$0] } ?? []
    let pattern = steps.compactMap { $0["pattern"]?["Regex"]?.string }.first
    let cutsDigits = steps.contains { $0["type"]?.string == "Digits" }
    let cutsWords = steps.contains {
      $0["type"]?.string == "ByteLevel" && $0["use_regex"]?.bool ?? true
    }
    let ignoresMerges = json["model"]?["ignore_merges"]?.bool ?? false
    let known = GGUFTokenizer.cuts.sorted { $0.key < $1.key }.first { _, cut in
      cut.pattern == pattern && cut.cutsDigits == cutsDigits && cutsWords == (pattern == nil)
        && cut.isNormalized == (json["normalizer"]?["type"]?.string == "NFC")
        && cut.ignoresMerges == ignoresMerges
    }
    guard let known else {
      throw TokenizerError(
        "\(url.path) cuts texts in a way that llama.cpp has no name for; \(GGUFTokenizer.cuts.keys.sorted().joined(separator: ", ")) are known."
      )
    }
    // Of names for one way, the one that the converter writes.
    return [
      "gpt2": "gpt-2", "deepseek-r1-qwen": "qwen2", "llama-v3": "llama-bpe", "llama3": "llama-bpe",
    ][known.key] ?? known.key
  }
}
