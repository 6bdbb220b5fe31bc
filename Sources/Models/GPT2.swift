// GPT-2: a decoder-only transformer with learned positions (Radford et al., 2019).
import Layers
import Storage
import Tensors

/// The sizes of a GPT-2, under the names of Hugging Face's `config.json`.
package struct GPT2Configuration: Sendable, Hashable {
  package var vocabSize: Int
  package var nPositions: Int
  package var nEmbd: Int
  package var nLayer: Int
  package var nHead: Int
  package var nInner: Int
  package var layerNormEpsilon: Float = 1e-5
  package var activationFunction = Activation.geluNew
  package var tieWordEmbeddings = true

  package init(
    vocabularySize: Int, contextLength: Int, width: Int, layerCount: Int, headCount: Int
  ) {
    vocabSize = vocabularySize
    nPositions = contextLength
    nEmbd = width
    nLayer = layerCount
    nHead = headCount
    nInner = 4 * width
  }

  init(_ file: ConfigurationFile) throws {
    self.init(
      vocabularySize: try file.count("vocab_size"),
      contextLength: try file.count("n_positions", default: 1024),
      width: try file.count("n_embd"), layerCount: try file.layerCount("n_layer"),
      headCount: try file.count("n_head"))
    guard nEmbd % nHead == 0 else {
      throw file.failure("n_head", "must divide the width \(nEmbd), it is \(nHead)")
    }
    nInner = try file.count("n_inner", default: 4 * nEmbd)
    layerNormEpsilon = Float(try file.number("layer_norm_epsilon", default: 1e-5))
    activationFunction = try file.activation("activation_function", default: .geluNew)
    tieWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
    try file.require("scale_attn_weights", .bool(true), because: "must be true")
    try file.require("scale_attn_by_inverse_layer_idx", .bool(false), because: "must be false")
  }

  /// The fields of `config.json`.
  var fields: [(key: String, value: JSON)] {
    [
      ("vocab_size", JSON(vocabSize)), ("n_positions", JSON(nPositions)),
      ("n_embd", JSON(nEmbd)), ("n_layer", JSON(nLayer)), ("n_head", JSON(nHead)),
      ("n_inner", JSON(nInner)), ("layer_norm_epsilon", .number("\(layerNormEpsilon)")),
      ("activation_function", .string(activationFunction.rawValue)),
      ("tie_word_embeddings", .bool(tieWordEmbeddings)),
      ("initializer_range", .number("\(initializerRange)")),
    ]
  }

  /// The standard deviation of initial weights: 0.5 / sqrt(width), GPT-2's 0.02 near width 768.
  package var initializerRange: Float { 0.5 / Float(nEmbd).squareRoot() }
  /// That of the projections that add to the residual stream.
  var residualRange: Float { initializerRange / Float(2 * nLayer).squareRoot() }
}

/// tokens [B, T] -> embed + positions -> layers -> norm -> head -> logits [B, T, V]
package struct GPT2: LanguageModel {
  let transformer: GPT2Transformer
  let lmHead: Linear?
  package let configuration: GPT2Configuration

  package init(_ configuration: GPT2Configuration) {
    let c = configuration
    self.configuration = c
    transformer = GPT2Transformer(c)
    lmHead =
      c.tieWordEmbeddings
      ? nil : Linear(c.nEmbd, c.vocabSize, hasBias: false, standardDeviation: c.initializerRange)
  }

  package func hiddenStates(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
    transformer(tokens, context)
  }

  package var head: Head { Head(lmHead?.weight ?? transformer.wte.weight) }

  package var modelType: String { "gpt2" }
  package var architecture: String { "GPT2LMHeadModel" }
  package var configurationFields: [(key: String, value: JSON)] { configuration.fields }
  package var bodyPrefix: String { "transformer." }
  /// Besides tied heads, old files hold each layer's causal mask.
  package var ignoredNames: [String] {
    [".attn.bias", ".attn.masked_bias"]
      + (configuration.tieWordEmbeddings ? ["lm_head.weight"] : [])
  }
  package var vocabularySize: Int { configuration.vocabSize }
  package var contextLength: Int { configuration.nPositions }
}

extension ModelFamily {
  static let gpt2 = ModelFamily(types: ["gpt2"]) { folder, file in
    var configuration = try GPT2Configuration(file)
    return try folder.model(isTied: configuration.tieWordEmbeddings) { isTied in
      configuration.tieWordEmbeddings = isTied
      return GPT2(configuration)
    }
  }
}

// The names of properties are those of the weights in Hugging Face's files.
// swift-format-ignore: AlwaysUseLowerCamelCase
struct GPT2Transformer: Module {
  let wte: Embedding
  let wpe: Embedding
  let h: [GPT2Layer]
  let ln_f: LayerNorm

  init(_ c: GPT2Configuration) {
    wte = Embedding(c.vocabSize, c.nEmbd, standardDeviation: c.initializerRange)
    wpe = Embedding(c.nPositions, c.nEmbd, standardDeviation: c.initializerRange / 2)
    h = (0..<c.nLayer).map { _ in GPT2Layer(c) }
    ln_f = LayerNorm(c.nEmbd, epsilon: c.layerNormEpsilon)
  }

  /// [B, T] -> [B, T, C] of the embedding and each layer, the last one normalised
  func callAsFunction(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
    var states = [wte(tokens) + wpe(context.positions)]
    for layer in h { states.append(layer(states[states.count - 1], context)) }
    return states.dropLast() + [ln_f(states[states.count - 1])]
  }
}

/// x + attention(norm x), then x + mlp(norm x): [B, T, C] -> [B, T, C]
// swift-format-ignore: AlwaysUseLowerCamelCase
struct GPT2Layer: Module {
  let ln_1: LayerNorm
  let attn: GPT2Attention
  let ln_2: LayerNorm
  let mlp: GPT2MLP

  init(_ c: GPT2Configuration) {
    ln_1 = LayerNorm(c.nEmbd, epsilon: c.layerNormEpsilon)
    attn = GPT2Attention(c)
    ln_2 = LayerNorm(c.nEmbd, epsilon: c.layerNormEpsilon)
    mlp = GPT2MLP(c)
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let x = x + attn(ln_1(x), context)
    return x + mlp(ln_2(x))
  }
}

/// Causal attention whose queries, keys and values come from one projection.
struct GPT2Attention: Module {
  let cAttn: Conv1D
  let cProj: Conv1D
  private let headCount: Int

  init(_ c: GPT2Configuration) {
    headCount = c.nHead
    cAttn = Conv1D(c.nEmbd, 3 * c.nEmbd, standardDeviation: c.initializerRange)
    cProj = Conv1D(c.nEmbd, c.nEmbd, standardDeviation: c.residualRange)
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let width = x.shape[2]
    let heads: Shape = [x.shape[0], x.shape[1], headCount, width / headCount]
    let parts = cAttn(x).split([width, width, width]).map { $0.reshaped(to: heads) }
    let out = context.attention(queries: parts[0], keys: parts[1], values: parts[2])
    return cProj(out.reshaped(to: x.shape))
  }
}

/// proj(activation(fc x)); GPT-2's own activation is GELU in its tanh form
struct GPT2MLP: Module {
  let cFc: Conv1D
  let cProj: Conv1D
  private let activation: Activation

  init(_ c: GPT2Configuration) {
    cFc = Conv1D(c.nEmbd, c.nInner, standardDeviation: c.initializerRange)
    cProj = Conv1D(c.nInner, c.nEmbd, standardDeviation: c.residualRange)
    activation = c.activationFunction
  }

  func callAsFunction(_ x: Tensor) -> Tensor { cProj(activation(cFc(x))) }
}
