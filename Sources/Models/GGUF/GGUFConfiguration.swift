// What GGUF's metadata say of a model, as `config.json` would.
import Base
import Foundation
import Layers
import Storage

/// Turns the keys of GGUF's metadata into the fields of `config.json`, and back.
struct GGUFConfiguration {
  private let file: GGUF
  private let names: GGUFNames

  /// Throws for architectures that are not built.
  init(_ file: GGUF, _ names: GGUFNames) { (self.file, self.names) = (file, names) }

  private func failure(_ key: String, _ what: String) -> UserError {
    UserError("\(file.url.path): \(names.architecture).\(key) \(what).")
  }

  private func value(_ key: String) -> JSON? {
    file.metadata["\(names.architecture).\(key)"].flatMap { $0.isNull ? nil : $0 }
  }

  /// A number of things, the same for all layers.
  private func count(_ key: String, atMost largest: Int = 1 << 26) throws -> Int? {
    guard let value = value(key) else { return nil }
    var number = value.int
    if let each = value.array {
      guard !each.isEmpty else { throw failure(key, "is empty") }
      guard Set(each).count == 1 else {
        throw failure(key, "differs from layer to layer, which is not built")
      }
      number = each[0].int
    }
    guard let number, (1...largest).contains(number) else {
      throw failure(
        key, "must be a whole number from 1 to \(largest), it is \(value.line.prefix(40))")
    }
    return number
  }

  private func number(_ key: String) throws -> Double? {
    guard let value = value(key) else { return nil }
    guard let number = value.double else {
      throw failure(key, "must be a number, it is \(value.line.prefix(40))")
    }
    return number
  }

  private func required(_ key: String) throws -> Int {
    guard let count = try count(key) else { throw failure(key, "is missing") }
    return count
  }

  /// Heads of queries and of keys.
  func heads() throws -> (query: Int, key: Int) {
    let query = try required("attention.head_count")
    let key = try count("attention.head_count_kv") ?? query
    return (query, key)
  }

  private var vocabularySize: Int? { file.entry(named: "token_embd.weight")?.shape.extents.first }

  /// The fields of `config.json`.
  func fields() throws -> JSON.Object {
    guard let vocabulary = vocabularySize else {
      throw UserError("\(file.url.path) has no tensor token_embd.weight.")
    }
    let (width, layers, heads) = (
      try required("embedding_length"), try required("block_count"), try heads()
    )
    let length = try required("context_length")
    let isTied = JSON.bool(file.entry(named: "output.weight") == nil)
    guard names.architecture != "gpt2" else {
      return JSON.Object([
        ("model_type", .string("gpt2")), ("vocab_size", JSON(vocabulary)),
        ("n_positions", JSON(length)), ("n_embd", JSON(width)), ("n_layer", JSON(layers)),
        ("n_head", JSON(heads.query)), ("n_inner", JSON(try required("feed_forward_length"))),
        ("layer_norm_epsilon", value("attention.layer_norm_epsilon") ?? JSON(1e-5)),
        ("tie_word_embeddings", isTied),
      ])
    }
    let headSize = try count("attention.key_length") ?? width / heads.query
    if let turned = try count("rope.dimension_count"), turned != headSize {
      throw failure(
        "rope.dimension_count", "is \(turned), heads have \(headSize): only whole heads are turned")
    }
    if let other = try count("attention.value_length"), other != headSize {
      throw failure("attention.value_length", "differs from key_length, which is not built")
    }
    if let experts = value("expert_count"), experts.int != 0 {
      throw failure("expert_count", "is given: mixtures of experts are not built")
    }
    var fields: [(key: String, value: JSON)] = [
      ("vocab_size", JSON(vocabulary)), ("hidden_size", JSON(width)),
      ("intermediate_size", JSON(try required("feed_forward_length"))),
      ("num_hidden_layers", JSON(layers)), ("num_attention_heads", JSON(heads.query)),
      ("num_key_value_heads", JSON(heads.key)), ("head_dim", JSON(headSize)),
      ("max_position_embeddings", JSON(length)),
      ("rms_norm_eps", value("attention.layer_norm_rms_epsilon") ?? JSON(1e-6)),
      ("tie_word_embeddings", isTied),
    ]
    let window = try count("attention.sliding_window")
    if names.architecture.hasPrefix("gemma") {
      fields += try gemma(layers, window, headSize)
    } else {
      fields += try llama(headSize, window)
    }
    return JSON.Object(fields)
  }

  private func llama(_ headSize: Int, _ window: Int?) throws -> [(key: String, value: JSON)] {
    let isPlain = names.architecture == "llama"
    let base = try number("rope.freq_base") ?? 10_000
    var fields: [(key: String, value: JSON)] = [
      ("model_type", .string(isPlain && window != nil ? "mistral" : names.architecture)),
      ("rope_theta", JSON(base)),
    ]
    if isPlain, window == nil {
      let bias = file.entry(named: "blk.0.attn_q.bias") != nil
      fields.append(("attention_bias", .bool(bias)))
      fields.append(("mlp_bias", .bool(file.entry(named: "blk.0.ffn_up.bias") != nil)))
    }
    if names.architecture == "qwen3" {
      fields.append(("attention_bias", .bool(file.entry(named: "blk.0.attn_q.bias") != nil)))
    }
    if let window {
      fields.append(("sliding_window", JSON(window)))
      fields.append(("use_sliding_window", .bool(true)))
    }
    if let scaling = try scaling(headSize: headSize, base: base) {
      fields.append(("rope_scaling", scaling))
    }
    return fields
  }

  private func gemma(
    _ layers: Int, _ window: Int?, _ headSize: Int
  ) throws -> [(key: String, value: JSON)] {
    let isThird = names.architecture == "gemma3"
    let base = try number("rope.freq_base") ?? (isThird ? 1e6 : 1e4)
    let divisor = names.scoreDivisor(
      layers: layers, width: try required("embedding_length"), heads: try heads().query,
      headSize: headSize)
    var fields: [(key: String, value: JSON)] = [
      ("model_type", .string(isThird ? "gemma3_text" : "gemma2")), ("rope_theta", JSON(base)),
      ("query_pre_attn_scalar", JSON(divisor)),
      ("attn_logit_softcapping", value("attn_logit_softcapping") ?? .null),
      ("final_logit_softcapping", value("final_logit_softcapping") ?? .null),
      ("sliding_window", JSON(window ?? 4096)),
    ]
    if let pattern = value("attention.sliding_window_pattern"), pattern.array == nil {
      guard isThird, pattern.int == 6 else {
        throw failure(
          "attention.sliding_window_pattern", "is \(pattern.line.prefix(40)), which is not built")
      }
    }
    if let types = value("attention.sliding_window_pattern")?.array {
      fields.append(
        (
          "layer_types",
          .array(types.map { .string($0.bool ?? false ? "sliding_attention" : "full_attention") })
        )
      )
    }
    if isThird { fields.append(("rope_local_base_freq", value("rope.freq_base_swa") ?? JSON(1e4))) }
    if let scaling = try scaling(headSize: headSize, base: base) {
      fields.append(("rope_scaling", scaling))
    }
    return fields
  }

  /// The object `rope_scaling`; nil where angles are as they are.
  private func scaling(headSize: Int, base: Double) throws -> JSON? {
    if let factors = try file.tensor(named: "rope_freqs.weight")?.stored(as: .float32).floats {
      return try llama3(factors.map(Double.init), headSize: headSize, base: base)
    }
    guard let given = value("rope.scaling.type") else { return nil }
    guard let type = given.string else {
      throw failure("rope.scaling.type", "must be a text, it is \(given.line.prefix(40))")
    }
    if type == "none" { return nil }
    if let factor = try number("rope.scaling.attn_factor"), factor != 1 {
      throw failure("rope.scaling.attn_factor", "is \(factor), which is not built")
    }
    let factor = value("rope.scaling.factor") ?? JSON(1)
    let length = value("rope.scaling.original_context_length")
    switch type {
    case "linear": return ["rope_type": "linear", "factor": factor]
    case "yarn":
      guard let length else { throw failure("rope.scaling.original_context_length", "is missing") }
      return [
        "rope_type": "yarn", "factor": factor, "original_max_position_embeddings": length,
        "beta_fast": JSON(try number("rope.scaling.yarn_beta_fast") ?? 32),
        "beta_slow": JSON(try number("rope.scaling.yarn_beta_slow") ?? 1),
      ]
    default: throw failure("rope.scaling.type", "is \(type); none, linear and yarn are built")
    }
  }

  /// Llama 3.1's scaling, of which the file holds what angles are divided by.
  private func llama3(_ factors: [Double], headSize: Int, base: Double) throws -> JSON {
    let (factor, low, high, length) = (factors.max() ?? 1, 1.0, 4.0, 8192)
    let known = GGUFNames.divisors(
      .llama3(factor: factor, lowFactor: low, highFactor: high, originalLength: length),
      headSize: headSize, base: base)
    guard factors.count == known.count,
      zip(factors, known).allSatisfy({ abs($0 / $1 - 1) < 1e-3 })
    else {
      throw UserError(
        "\(file.url.path): rope_freqs.weight holds other factors than Llama 3.1's, which are not built."
      )
    }
    return [
      "rope_type": "llama3", "factor": JSON(factor), "low_freq_factor": JSON(low),
      "high_freq_factor": JSON(high), "original_max_position_embeddings": JSON(length),
    ]
  }
}
