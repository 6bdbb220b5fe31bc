// The sizes of a Gemma, read from and written to `config.json`.
import Layers
import Storage
import Tensors

/// The sizes and options of Gemma 2 or of the text model of Gemma 3, under the names of Hugging Face's `config.json`.
package struct GemmaConfiguration: Sendable, Hashable {
  package enum Family: String, Sendable, Hashable, CaseIterable {
    case gemma2
    case gemma3Text = "gemma3_text"

    var architecture: String {
      switch self {
      case .gemma2: "Gemma2ForCausalLM"
      case .gemma3Text: "Gemma3ForCausalLM"
      }
    }
  }

  package var family: Family
  package var vocabSize: Int
  package var hiddenSize: Int
  package var intermediateSize: Int
  package var numHiddenLayers: Int
  package var numAttentionHeads: Int
  package var numKeyValueHeads: Int
  package var headSize: Int
  package var maxPositionEmbeddings: Int
  package var rmsNormEps: Float
  package var attentionBias: Bool
  package var tieWordEmbeddings: Bool
  /// Scores are divided by the root of this.
  package var queryPreAttnScalar: Int
  /// The caps of scores and logits; nil for none.
  package var scoreCap: Float?
  package var headCap: Float?
  /// How many positions the queries of sliding layers see.
  package var slidingWindow: Int
  package var slidingLayers: [Bool]
  /// The base of the angles of layers that see everything, and their scaling.
  package var ropeTheta: Double
  package var ropeScaling: RotaryScaling?
  /// The base of sliding layers, whose angles are never scaled.
  package var slidingRopeTheta: Double

  /// As for a Llama: 0.5 / sqrt(width).
  package var initializerRange: Float { 0.5 / Float(hiddenSize).squareRoot() }

  var score: AttentionScore {
    AttentionScore(scale: 1 / Float(queryPreAttnScalar).squareRoot(), cap: scoreCap)
  }

  func rotary(isSliding: Bool) -> RotaryEmbedding {
    isSliding
      ? RotaryEmbedding(
        headSize: headSize, base: slidingRopeTheta,
        scaling: family == .gemma2 ? ropeScaling : nil)
      : RotaryEmbedding(headSize: headSize, base: ropeTheta, scaling: ropeScaling)
  }
}

// MARK: Reading

extension GemmaConfiguration {
  init(_ file: ConfigurationFile) throws {
    guard let family = try file.text("model_type").flatMap(Family.init) else {
      throw file.failure("model_type", "is no Gemma that is built")
    }
    self.family = family
    let isThird = family == .gemma3Text
    vocabSize = try file.count("vocab_size")
    hiddenSize = try file.count("hidden_size")
    intermediateSize = try file.count("intermediate_size")
    let layerCount = try file.layerCount("num_hidden_layers")
    numHiddenLayers = layerCount
    numAttentionHeads = try file.count("num_attention_heads")
    numKeyValueHeads = try file.count("num_key_value_heads", default: 4)
    guard numAttentionHeads % numKeyValueHeads == 0 else {
      throw file.failure(
        "num_key_value_heads", "does not divide the \(numAttentionHeads) query heads")
    }
    headSize = try file.count("head_dim", default: 256, atMost: 1 << 16)
    guard headSize % 2 == 0 else {
      throw file.failure("head_dim", "must be even, it is \(headSize)")
    }
    let contextLength = try file.count(
      "max_position_embeddings", default: isThird ? 131_072 : 8192)
    maxPositionEmbeddings = contextLength
    rmsNormEps = Float(try file.number("rms_norm_eps", default: 1e-6))
    attentionBias = try file.flag("attention_bias", default: false)
    tieWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
    queryPreAttnScalar = try file.count("query_pre_attn_scalar", default: 256)
    func cap(_ key: String, _ fallback: Float?) throws -> Float? {
      // What is null has no cap, what is left out that of the first models.
      guard file.fields[key] != nil else { return isThird ? nil : fallback }
      guard let cap = try file.optionalNumber(key).map({ Float($0) }) else { return nil }
      guard cap.isNormal else { throw file.failure(key, "is no number of single precision") }
      return cap
    }
    scoreCap = try cap("attn_logit_softcapping", 50)
    headCap = try cap("final_logit_softcapping", 30)
    guard !isThird || scoreCap == nil else {
      throw file.failure(
        "attn_logit_softcapping", "is set, which no Gemma 3 has: transformers passes over it")
    }
    let activation = try file.activation("hidden_activation", default: Activation.geluTanh)
    guard activation == .geluTanh else {
      throw file.failure(
        "hidden_activation", "must be gelu_pytorch_tanh, it is \(activation.rawValue)")
    }
    try file.require(
      "use_bidirectional_attention", .bool(false),
      because: "is true: an encoder made of Gemma is not built")
    slidingWindow = try file.count("sliding_window", default: 4096)
    // Every other layer of Gemma 2 slides, the first among them, and five of six in Gemma 3.
    let period = try isThird ? file.count("sliding_window_pattern", default: 6) : 2
    slidingLayers =
      try file.slidingLayers(count: layerCount) ?? (1...layerCount).map { $0 % period != 0 }
    try file.requireWholeHeads()
    let ropes = try file.object("rope_parameters")
    let kinds = ["full_attention", "sliding_attention"]
    if isThird, let ropes, kinds.contains(where: { ropes.fields[$0] != nil }) {
      func rope(_ kind: String, _ key: String, base: Double) throws -> (Double, RotaryScaling?) {
        let base = try file.number(key, default: base)
        guard let rope = try ropes.object(kind) else { return (base, nil) }
        return (
          try rope.number("rope_theta", default: base),
          try RotaryScaling(rope, contextLength: contextLength)
        )
      }
      (ropeTheta, ropeScaling) = try rope("full_attention", "rope_theta", base: 1e6)
      let sliding = try rope(
        "sliding_attention", "rope_local_base_freq", base: 1e4)
      guard sliding.1 == nil else {
        throw ropes.failure("sliding_attention", "scales its angles, which is not built")
      }
      slidingRopeTheta = sliding.0
    } else {
      let base = try file.number("rope_theta", default: isThird ? 1e6 : 1e4)
      let rope = try ropes ?? file.object("rope_scaling")
      ropeTheta = try rope?.number("rope_theta", default: base) ?? base
      ropeScaling = try rope.flatMap {
        try RotaryScaling($0, contextLength: contextLength)
      }
      slidingRopeTheta =
        try isThird ? file.number("rope_local_base_freq", default: 1e4) : ropeTheta
    }
  }
}

// MARK: Writing

extension GemmaConfiguration {
  /// The fields of `config.json`.
  var fields: [(key: String, value: JSON)] {
    func cap(_ value: Float?) -> JSON { value.map { JSON(Double($0)) } ?? .null }
    var fields: [(key: String, value: JSON)] = [
      ("vocab_size", JSON(vocabSize)), ("hidden_size", JSON(hiddenSize)),
      ("intermediate_size", JSON(intermediateSize)), ("num_hidden_layers", JSON(numHiddenLayers)),
      ("num_attention_heads", JSON(numAttentionHeads)),
      ("num_key_value_heads", JSON(numKeyValueHeads)), ("head_dim", JSON(headSize)),
      ("max_position_embeddings", JSON(maxPositionEmbeddings)),
      ("hidden_activation", .string(Activation.geluTanh.rawValue)),
      ("rms_norm_eps", .number("\(rmsNormEps)")), ("attention_bias", .bool(attentionBias)),
      ("tie_word_embeddings", .bool(tieWordEmbeddings)),
      ("query_pre_attn_scalar", JSON(queryPreAttnScalar)),
      ("attn_logit_softcapping", cap(scoreCap)), ("final_logit_softcapping", cap(headCap)),
      ("sliding_window", JSON(slidingWindow)),
      (
        "layer_types",
        .array(slidingLayers.map { .string($0 ? "sliding_attention" : "full_attention") })
      ),
      ("initializer_range", .number("\(initializerRange)")), ("rope_theta", JSON(ropeTheta)),
    ]
    if family == .gemma3Text {
      fields.append(("rope_local_base_freq", JSON(slidingRopeTheta)))
    }
    if let ropeScaling { fields.append(("rope_scaling", ropeScaling.json)) }
    return fields
  }
}
