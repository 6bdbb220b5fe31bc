// The tokenizer in a GGUF file, as the files of a folder would say it.
import Base
import Foundation
import Storage

/// Turns `tokenizer.ggml.*` (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) into `tokenizer.json` and what lies beside it.
struct GGUFTokenizer {
  private let url: URL
  private let metadata: [String: JSON]
  private let tokens: [String]
  private let types: [Int]

  /// How a text is cut before pairs are joined, by the names of llama.cpp (`tokenizer.ggml.pre`).
  struct Cut {
    /// nil cuts as GPT-2 does.
    var pattern: String?
    /// Whether single digits are cut off first.
    var cutsDigits = false
    var isNormalized = false
    /// Whether a word that is a token is taken without joining.
    var ignoresMerges = false
    var addsStart = false
  }

  static let cuts: [String: Cut] = [
    "gpt-2": Cut(), "gpt2": Cut(),
    "llama-bpe": Cut(pattern: words(digits: "{1,3}"), ignoresMerges: true, addsStart: true),
    "llama-v3": Cut(pattern: words(digits: "{1,3}"), ignoresMerges: true, addsStart: true),
    "llama3": Cut(pattern: words(digits: "{1,3}"), ignoresMerges: true, addsStart: true),
    "qwen2": Cut(pattern: words(digits: ""), isNormalized: true),
    "deepseek-r1-qwen": Cut(pattern: words(digits: ""), isNormalized: true),
    "smollm": Cut(cutsDigits: true),
  ]

  private static func words(digits: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + digits
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// The kinds of tokens in `tokenizer.ggml.token_type`.
  enum Kind: Int {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  init(_ file: GGUF) throws { try self.init(file.metadata, of: file.url) }

  /// The same from what a file says, or would.
  init(_ metadata: [String: JSON], of url: URL) throws {
    (self.url, self.metadata) = (url, metadata)
    guard let tokens = metadata["tokenizer.ggml.tokens"]?.array?.map(\.string),
      !tokens.isEmpty, !tokens.contains(nil)
    else { throw TokenizerError("\(url.path) has no tokenizer.ggml.tokens.") }
    self.tokens = tokens.compactMap { $0 }
    let types = metadata["tokenizer.ggml.token_type"]?.array?.map { $0.int ?? 1 }
    guard types == nil || types?.count == tokens.count else {
      throw TokenizerError(
        "\(url.path): tokenizer.ggml.token_type has another length than tokenizer.ggml.tokens."
      )
    }
    self.types = types ?? tokens.map { _ in Kind.normal.rawValue }
  }

  private func value(_ key: String) -> JSON? { metadata["tokenizer.ggml.\(key)"] }

  private func token(_ role: String) throws -> (id: Int, text: String)? {
    // Converters write all ones where there is none.
    guard let id = value("\(role)_token_id")?.int, id != 0xFFFF_FFFF else { return nil }
    guard tokens.indices.contains(id) else {
      throw TokenizerError(
        "\(url.path): tokenizer.ggml.\(role)_token_id is \(id), and there are \(tokens.count) tokens."
      )
    }
    return (id, tokens[id])
  }

  /// The files by name.
  func files() throws -> [String: String] {
    let (start, end) = (try token("bos"), try token("eos"))
    var settings: [(key: String, value: JSON)] = []
    for (role, key) in [
      ("bos", "bos_token"), ("eos", "eos_token"), ("unknown", "unk_token"),
      ("padding", "pad_token"),
    ] {
      if let token = try token(role) { settings.append((key, .string(token.text))) }
    }
    if let template = metadata["tokenizer.chat_template"]?.string {
      settings.append(("chat_template", .string(template)))
    }
    let ends = try [end, token("eot"), token("eom")].compactMap { $0?.id }
    return [
      "tokenizer.json": try json(start: start, end: end).line,
      "tokenizer_config.json": JSON.object(JSON.Object(settings)).text,
      "generation_config.json":
        JSON.object(JSON.Object([("eos_token_id", .array(ends.map { JSON($0) }))])).text,
    ]
  }

  private func json(start: (id: Int, text: String)?, end: (id: Int, text: String)?) throws -> JSON {
    var parts: [(key: String, value: JSON)]
    let addsStart: Bool
    switch value("model")?.string {
    case "gpt2":
      let name = value("pre")?.string ?? "gpt-2"
      guard let cut = Self.cuts[name] else {
        throw TokenizerError(
          "\(url.path) cuts texts as \(name), which is not built; \(Self.cuts.keys.sorted().joined(separator: ", ")) are."
        )
      }
      parts = try byteLevel(cut)
      addsStart = value("add_bos_token")?.bool ?? cut.addsStart
    case "llama":
      parts = try pieces()
      addsStart = value("add_bos_token")?.bool ?? true
    case let other:
      throw TokenizerError(
        "\(url.path) has a tokenizer of the kind \(other ?? "none"); gpt2 (byte pairs) and llama (SentencePiece) are read."
      )
    }
    let around = [
      addsStart ? start : nil, value("add_eos_token")?.bool ?? false ? end : nil,
    ]
    if around.contains(where: { $0 != nil }) { parts.append(("post_processor", template(around))) }
    let added = tokens.indices.filter {
      [.control, .userDefined, .unknown].contains(Kind(rawValue: types[$0]))
    }.map { id -> JSON in
      [
        "id": JSON(id), "content": .string(tokens[id]), "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false,
        "special": .bool(types[id] != Kind.userDefined.rawValue),
      ]
    }
    return .object(
      JSON.Object([("version", "1.0"), ("added_tokens", .array(added))] + parts))
  }

  /// The tokens with their ids, without those that only fill the rows of a table.
  private func vocabulary() -> JSON {
    let own = tokens.enumerated().filter { id, token in
      types[id] != Kind.unused.rawValue || token != Self.padding(id)
    }
    return .object(JSON.Object(own.map { (key: $0.element, value: JSON($0.offset)) }))
  }

  /// What converters call a row without a token.
  static func padding(_ id: Int) -> String { "[PAD\(id)]" }

  private func byteLevel(_ cut: Cut) throws -> [(key: String, value: JSON)] {
    guard let merges = value("merges")?.array else {
      throw TokenizerError("\(url.path) has no tokenizer.ggml.merges.")
    }
    func bytes(cuts: Bool) -> JSON {
      [
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
        "use_regex": .bool(cuts),
      ]
    }
    var steps: [JSON] = []
    if cut.cutsDigits { steps.append(["type": "Digits", "individual_digits": true]) }
    if let pattern = cut.pattern {
      steps.append([
        "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
        "invert": false,
      ])
    }
    steps.append(bytes(cuts: cut.pattern == nil))
    return (cut.isNormalized ? [("normalizer", ["type": "NFC"])] : []) + [
      ("pre_tokenizer", ["type": "Sequence", "pretokenizers": .array(steps)]),
      ("decoder", bytes(cuts: true)),
      (
        "model",
        [
          "type": "BPE", "unk_token": .null, "fuse_unk": false, "byte_fallback": false,
          "ignore_merges": .bool(cut.ignoresMerges), "vocab": vocabulary(),
          "merges": .array(merges),
        ]
      ),
    ]
  }

  /// SentencePiece's byte pairs: what may be joined follows from the pieces, the order from their scores.
  private func pieces() throws -> [(key: String, value: JSON)] {
    let scores = value("scores")?.array?.map { $0.double ?? 0 } ?? []
    guard scores.count == tokens.count else {
      throw TokenizerError("\(url.path) has no tokenizer.ggml.scores for its tokens.")
    }
    // Texts are compared by their bytes: two forms of one letter are two tokens.
    var ids: [[UInt8]: Int] = [:]
    let isPiece = types.map { [.normal, .userDefined].contains(Kind(rawValue: $0)) }
    for (id, token) in tokens.enumerated() where isPiece[id] { ids[Array(token.utf8)] = id }
    var merges: [(score: Double, whole: Int, left: Int, right: Int)] = []
    for (whole, token) in tokens.enumerated() where isPiece[whole] {
      let scalars = token.unicodeScalars
      var place = scalars.startIndex
      while place < scalars.endIndex {
        defer { place = scalars.index(after: place) }
        guard place > scalars.startIndex, let left = ids[Array(token[..<place].utf8)],
          let right = ids[Array(token[place...].utf8)]
        else { continue }
        merges.append((scores[whole], whole, left, right))
      }
    }
    merges.sort {
      (-$0.score, $0.whole, $0.left, $0.right) < (-$1.score, $1.whole, $1.left, $1.right)
    }
    let addsSpace = value("add_space_prefix")?.bool ?? true
    let space: JSON = ["type": "Replace", "pattern": ["String": " "], "content": "▁"]
    let prefix: JSON = ["type": "Prepend", "prepend": "▁"]
    let strip: JSON = ["type": "Strip", "content": " ", "start": 1, "stop": 0]
    return [
      (
        "normalizer",
        ["type": "Sequence", "normalizers": .array(addsSpace ? [prefix, space] : [space])]
      ),
      (
        "decoder",
        [
          "type": "Sequence",
          "decoders": .array(
            [
              ["type": "Replace", "pattern": ["String": "▁"], "content": " "],
              ["type": "ByteFallback"], ["type": "Fuse"],
            ] + (addsSpace ? [strip] : [])),
        ]
      ),
      (
        "model",
        [
          "type": "BPE", "unk_token": try token("unknown").map { .string($0.text) } ?? .null,
          "fuse_unk": true, "byte_fallback": true, "ignore_merges": false, "vocab": vocabulary(),
          "merges": .array(
            merges.map { .array([.string(tokens[$0.left]), .string(tokens[$0.right])]) }),
        ]
      ),
    ]
  }

  /// Tokens before and after a text.
  private func template(_ around: [(id: Int, text: String)?]) -> JSON {
    func special(_ token: (id: Int, text: String)?) -> [JSON] {
      token.map { [["SpecialToken": ["id": .string($0.text), "type_id": 0]]] } ?? []
    }
    func text(_ id: String) -> JSON { ["Sequence": ["id": .string(id), "type_id": 0]] }
    let (before, after) = (special(around[0]), special(around[1]))
    let known = around.compactMap { $0 }.map { token in
      (
        key: token.text,
        value: [
          "id": .string(token.text), "ids": .array([JSON(token.id)]),
          "tokens": .array([.string(token.text)]),
        ] as JSON
      )
    }
    let distinct = Dictionary(known.map { ($0.key, $0.value) }) { first, _ in first }
    return [
      "type": "TemplateProcessing", "single": .array(before + [text("A")] + after),
      "pair": .array(before + [text("A")] + after + before + [text("B")] + after),
      "special_tokens": .object(
        JSON.Object(distinct.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })),
    ]
  }
}
