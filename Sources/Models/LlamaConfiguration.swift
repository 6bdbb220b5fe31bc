// The sizes of a Llama and of its relatives, read from and written to `config.json`.
import Layers
import Storage

/// The sizes and options of a Llama, under the names of Hugging Face's `config.json`.
public struct LlamaConfiguration: Sendable, Hashable {
  /// Models that are a Llama but for an option.
  public enum Family: String, Sendable, Hashable, CaseIterable {
    /// The family under its `model_type`.
    case llama, mistral, qwen2, qwen3

    var architecture: String {
      switch self {
      case .llama: "LlamaForCausalLM"
      case .mistral: "MistralForCausalLM"
      case .qwen2: "Qwen2ForCausalLM"
      case .qwen3: "Qwen3ForCausalLM"
      }
    }
  }

  /// Which of the families.
  public var family = Family.llama
  /// Tokens V.
  public var vocabSize: Int
  /// The width C of hidden states.
  public var hiddenSize: Int
  /// The width of feed-forward layers.
  public var intermediateSize: Int
  /// Layers.
  public var numHiddenLayers: Int
  /// Heads of queries.
  public var numAttentionHeads: Int
  /// Heads of keys and values, which several heads of queries share.
  public var numKeyValueHeads: Int
  /// Numbers per head.
  public var headSize: Int
  /// The most tokens of a sequence.
  public var maxPositionEmbeddings: Int
  /// What is added to mean squares in norms.
  public var rmsNormEps: Float = 1e-5
  /// The base of rotary angles.
  public var ropeTheta = 10_000.0
  package var ropeScaling: RotaryScaling?
  /// Whether the head is the table of tokens.
  public var tieWordEmbeddings = true
  /// Whether the projections of attention have biases.
  public var attentionBias = false
  /// Whether feed-forward layers have biases.
  public var hasMLPBias = false
  /// How many positions a layer's queries see, where they do not see all.
  public var slidingWindow: Int?
  /// Which layers have that window; nil for all.
  package var slidingLayers: [Bool]?

  /// Sizes of a new model: tokens, widths, layers, heads, and the most tokens of a sequence. A head has `width` / `headCount`
  /// numbers.
  public init(
    vocabularySize: Int, width: Int, intermediateWidth: Int, layerCount: Int, headCount: Int,
    keyValueHeadCount: Int, contextLength: Int
  ) {
    vocabSize = vocabularySize
    hiddenSize = width
    intermediateSize = intermediateWidth
    numHiddenLayers = layerCount
    numAttentionHeads = headCount
    numKeyValueHeads = keyValueHeadCount
    headSize = width / headCount
    maxPositionEmbeddings = contextLength
  }

  /// The standard deviation of initial weights: 0.5 / sqrt(width), which is GPT-2's 0.02 near its
  /// width of 768 and larger for narrow models, which otherwise leave their first plateau late.
  public var initializerRange: Float { 0.5 / Float(hiddenSize).squareRoot() }
  /// That of the projections that add to the residual stream.
  var residualRange: Float { initializerRange / Float(2 * numHiddenLayers).squareRoot() }

  var hasQueryKeyValueBias: Bool { family == .qwen2 || attentionBias }
  var hasOutputBias: Bool { family != .qwen2 && attentionBias }
  var hasQueryKeyNorm: Bool { family == .qwen3 }

  var rotary: RotaryEmbedding {
    RotaryEmbedding(headSize: headSize, base: ropeTheta, scaling: ropeScaling)
  }

  func window(ofLayer index: Int) -> Int? {
    slidingLayers.map { $0[index] } ?? true ? slidingWindow : nil
  }
}

// MARK: Reading

extension LlamaConfiguration {
  init(_ file: ConfigurationFile) throws {
    guard let family = try file.text("model_type").flatMap(Family.init) else {
      throw file.failure("model_type", "is no Llama that is built")
    }
    let heads = try file.count("num_attention_heads")
    self.init(
      vocabularySize: try file.count("vocab_size"), width: try file.count("hidden_size"),
      intermediateWidth: try file.count("intermediate_size"),
      layerCount: try file.layerCount("num_hidden_layers"), headCount: heads,
      keyValueHeadCount: try file.count("num_key_value_heads", default: heads),
      contextLength: try file.count("max_position_embeddings", default: 2048))
    self.family = family
    guard numAttentionHeads % numKeyValueHeads == 0 else {
      throw file.failure("num_key_value_heads", "does not divide the \(heads) query heads")
    }
    headSize = try file.count("head_dim", default: hiddenSize / heads, atMost: 1 << 16)
    guard headSize % 2 == 0 else {
      throw file.failure("head_dim", "must be even, it is \(headSize)")
    }
    rmsNormEps = Float(try file.number("rms_norm_eps", default: 1e-6))
    tieWordEmbeddings = try file.flag("tie_word_embeddings", default: false)
    attentionBias = try file.flag("attention_bias", default: false)
    hasMLPBias = try file.flag("mlp_bias", default: false)
    let activation = try file.activation("hidden_act", default: Activation.silu)
    guard activation == .silu || activation == .swish else {
      throw file.failure("hidden_act", "must be silu, it is \(activation.rawValue)")
    }
    try readWindow(file)
    try readRotary(file)
  }

  private mutating func readWindow(_ file: ConfigurationFile) throws {
    let isOptional = family == .qwen2 || family == .qwen3
    if isOptional, try !file.flag("use_sliding_window", default: false) { return }
    guard family != .llama else { return }
    slidingWindow = try file.optionalCount("sliding_window")
    guard isOptional else { return }
    let first = file.fields["max_window_layers"]?.int ?? 28
    slidingLayers =
      try file.slidingLayers(count: numHiddenLayers) ?? (0..<numHiddenLayers).map { $0 >= first }
  }

  private mutating func readRotary(_ file: ConfigurationFile) throws {
    try file.requireWholeHeads()
    // Since version 5 `transformers` writes one object; before, the base stood beside the scaling.
    let modern = try file.object("rope_parameters")
    guard let scaling = try modern ?? file.object("rope_scaling") else {
      ropeTheta = try file.number("rope_theta", default: ropeTheta)
      return
    }
    ropeTheta = try scaling.number(
      "rope_theta", default: file.number("rope_theta", default: ropeTheta))
    if let layers = scaling.fields.members.first(where: { $0.value.object != nil })?.key {
      throw scaling.failure(
        layers, "has angles of its own, which is not built: all layers turn alike")
    }
    ropeScaling = try RotaryScaling(scaling, contextLength: maxPositionEmbeddings)
  }
}

// MARK: Writing

extension LlamaConfiguration {
  /// The fields of `config.json`.
  var fields: [(key: String, value: JSON)] {
    var fields: [(key: String, value: JSON)] = [
      ("vocab_size", JSON(vocabSize)), ("hidden_size", JSON(hiddenSize)),
      ("intermediate_size", JSON(intermediateSize)), ("num_hidden_layers", JSON(numHiddenLayers)),
      ("num_attention_heads", JSON(numAttentionHeads)),
      ("num_key_value_heads", JSON(numKeyValueHeads)), ("head_dim", JSON(headSize)),
      ("max_position_embeddings", JSON(maxPositionEmbeddings)), ("hidden_act", .string("silu")),
      ("rms_norm_eps", .number("\(rmsNormEps)")), ("rope_theta", JSON(ropeTheta)),
      ("tie_word_embeddings", .bool(tieWordEmbeddings)),
      ("initializer_range", .number("\(initializerRange)")),
    ]
    if family == .llama { fields.append(("mlp_bias", .bool(hasMLPBias))) }
    if family == .llama || family == .qwen3 {
      fields.append(("attention_bias", .bool(attentionBias)))
    }
    if let ropeScaling { fields.append(("rope_scaling", ropeScaling.json)) }
    if family != .llama {
      fields.append(("sliding_window", slidingWindow.map { JSON($0) } ?? .null))
    }
    if family == .qwen2 || family == .qwen3 {
      fields.append(("use_sliding_window", .bool(slidingWindow != nil)))
    }
    if let slidingLayers {
      let types = slidingLayers.map { JSON.string($0 ? "sliding_attention" : "full_attention") }
      fields.append(("layer_types", .array(types)))
    }
    return fields
  }
}
