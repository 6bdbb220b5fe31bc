// BERT: a transformer that reads in both directions (Devlin et al., arXiv 1810.04805); MiniLM is a
// small one (Wang et al., arXiv 2002.10957).
import Layers
import Storage
import Tensors

/// The sizes of a BERT, under the names of Hugging Face's `config.json`.
package struct BERTConfiguration: Sendable, Hashable {
  package var vocabSize: Int
  package var hiddenSize: Int
  package var intermediateSize: Int
  package var numHiddenLayers: Int
  package var numAttentionHeads: Int
  package var maxPositionEmbeddings: Int
  package var typeVocabSize = 2
  package var layerNormEps: Float = 1e-12
  package var hiddenAct = Activation.gelu
  /// Whether the model has the head that predicts masked tokens.
  package var hasMaskedHead = false
  /// Whether it has the layer that pools the first token.
  package var hasPooler = false

  package init(
    vocabularySize: Int, width: Int, intermediateWidth: Int, layerCount: Int, headCount: Int,
    contextLength: Int
  ) {
    vocabSize = vocabularySize
    hiddenSize = width
    intermediateSize = intermediateWidth
    numHiddenLayers = layerCount
    numAttentionHeads = headCount
    maxPositionEmbeddings = contextLength
  }

  /// `names` are the tensors of the file: they tell which heads there are.
  init(_ file: ConfigurationFile, names: [String]) throws {
    self.init(
      vocabularySize: try file.count("vocab_size"), width: try file.count("hidden_size"),
      intermediateWidth: try file.count("intermediate_size"),
      layerCount: try file.layerCount("num_hidden_layers"),
      headCount: try file.count("num_attention_heads"),
      contextLength: try file.count("max_position_embeddings", default: 512))
    guard hiddenSize % numAttentionHeads == 0 else {
      throw file.failure("num_attention_heads", "must divide the width \(hiddenSize)")
    }
    typeVocabSize = try file.count("type_vocab_size", default: 2)
    layerNormEps = Float(try file.number("layer_norm_eps", default: 1e-12))
    hiddenAct = try file.activation("hidden_act", default: .gelu)
    try file.require("position_embedding_type", .string("absolute"), because: "must be absolute")
    try file.require("is_decoder", .bool(false), because: "must be false")
    hasMaskedHead = names.contains { $0.hasPrefix("cls.predictions.transform") }
    hasPooler = names.contains { $0.hasSuffix("pooler.dense.weight") }
  }

  /// The fields of `config.json`.
  var fields: [(key: String, value: JSON)] {
    [
      ("vocab_size", JSON(vocabSize)), ("hidden_size", JSON(hiddenSize)),
      ("intermediate_size", JSON(intermediateSize)), ("num_hidden_layers", JSON(numHiddenLayers)),
      ("num_attention_heads", JSON(numAttentionHeads)),
      ("max_position_embeddings", JSON(maxPositionEmbeddings)),
      ("type_vocab_size", JSON(typeVocabSize)), ("layer_norm_eps", .number("\(layerNormEps)")),
      ("hidden_act", .string(hiddenAct.rawValue)),
      ("initializer_range", .number("\(initializerRange)")),
    ]
  }

  var initializerRange: Float { 0.5 / Float(hiddenSize).squareRoot() }
}

/// tokens [B, T] -> embed -> layers -> hidden states [B, T, C]
package struct BERT: Encoder {
  let bert: BERTModel
  let cls: BERTHeads?
  package let configuration: BERTConfiguration

  package init(_ configuration: BERTConfiguration) {
    self.configuration = configuration
    bert = BERTModel(configuration)
    cls = configuration.hasMaskedHead ? BERTHeads(configuration) : nil
  }

  package func hiddenStates(_ tokens: Tensor, types: Tensor, _ context: AttentionContext)
    -> [Tensor]
  {
    bert(tokens, types: types, context)
  }

  package func maskedLogits(_ hidden: Tensor) -> Tensor? {
    cls?.predictions(hidden, table: bert.embeddings.wordEmbeddings.weight)
  }

  package var width: Int { configuration.hiddenSize }
  package var modelType: String { "bert" }
  package var architecture: String { cls == nil ? "BertModel" : "BertForMaskedLM" }
  package var configurationFields: [(key: String, value: JSON)] { configuration.fields }
  package var bodyPrefix: String { "bert." }
  package var ignoredNames: [String] {
    [
      "embeddings.position_ids", "cls.predictions.decoder.weight", "cls.predictions.decoder.bias",
      "cls.seq_relationship.weight", "cls.seq_relationship.bias",
    ]
  }
  /// The body alone is written without its prefix, as `transformers` does.
  package func storedName(_ name: String) -> String {
    cls == nil ? String(name.dropFirst(bodyPrefix.count)) : name
  }
  package var vocabularySize: Int { configuration.vocabSize }
  package var contextLength: Int { configuration.maxPositionEmbeddings }
}

extension ModelFamily {
  static let bert = ModelFamily(types: ["bert"]) { folder, file in
    BERT(try BERTConfiguration(file, names: try folder.weights().names))
  }
}

struct BERTModel: Module {
  let embeddings: BERTEmbeddings
  let encoder: BERTEncoder
  let pooler: BERTDense?

  init(_ c: BERTConfiguration) {
    embeddings = BERTEmbeddings(c)
    encoder = BERTEncoder(layer: (0..<c.numHiddenLayers).map { _ in BERTLayer(c) })
    pooler = c.hasPooler ? BERTDense(c, c.hiddenSize, c.hiddenSize) : nil
  }

  func callAsFunction(_ tokens: Tensor, types: Tensor, _ context: AttentionContext) -> [Tensor] {
    var states = [embeddings(tokens, types: types, context)]
    for layer in encoder.layer { states.append(layer(states[states.count - 1], context)) }
    return states
  }
}

struct BERTEncoder: Module { let layer: [BERTLayer] }

// The names of properties are those of the weights in Hugging Face's files.
// swift-format-ignore: AlwaysUseLowerCamelCase
struct BERTEmbeddings: Module {
  let wordEmbeddings: Embedding
  let positionEmbeddings: Embedding
  let tokenTypeEmbeddings: Embedding
  let LayerNorm: Layers.LayerNorm

  init(_ c: BERTConfiguration) {
    func table(_ count: Int) -> Embedding {
      Embedding(count, c.hiddenSize, standardDeviation: c.initializerRange)
    }
    wordEmbeddings = table(c.vocabSize)
    positionEmbeddings = table(c.maxPositionEmbeddings)
    tokenTypeEmbeddings = table(c.typeVocabSize)
    LayerNorm = .init(c.hiddenSize, epsilon: c.layerNormEps)
  }

  /// [B, T] -> [B, T, C]
  func callAsFunction(_ tokens: Tensor, types: Tensor, _ context: AttentionContext) -> Tensor {
    LayerNorm(
      wordEmbeddings(tokens) + positionEmbeddings(context.positions) + tokenTypeEmbeddings(types))
  }
}

/// norm(x + attention x), then norm(x + mlp x): [B, T, C] -> [B, T, C]
struct BERTLayer: Module {
  let attention: BERTAttention
  let intermediate: BERTDense
  let output: BERTResidual
  private let activation: Activation

  init(_ c: BERTConfiguration) {
    attention = BERTAttention(c)
    intermediate = BERTDense(c, c.hiddenSize, c.intermediateSize)
    output = BERTResidual(c, c.intermediateSize)
    activation = c.hiddenAct
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let x = attention(x, context)
    return output(activation(intermediate.dense(x)), residual: x)
  }
}

struct BERTAttention: Module {
  let `self`: BERTSelfAttention
  let output: BERTResidual

  init(_ c: BERTConfiguration) {
    self.`self` = BERTSelfAttention(c)
    output = BERTResidual(c, c.hiddenSize)
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    output(self.`self`(x, context), residual: x)
  }
}

/// Attention of every token to all of its sequence that count.
struct BERTSelfAttention: Module {
  let query: Linear
  let key: Linear
  let value: Linear
  private let headCount: Int

  init(_ c: BERTConfiguration) {
    headCount = c.numAttentionHeads
    func projection() -> Linear {
      Linear(c.hiddenSize, c.hiddenSize, hasBias: true, standardDeviation: c.initializerRange)
    }
    (query, key, value) = (projection(), projection(), projection())
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let heads: Shape = [x.shape[0], x.shape[1], headCount, x.shape[2] / headCount]
    return context.attention(
      queries: query(x).reshaped(to: heads), keys: key(x).reshaped(to: heads),
      values: value(x).reshaped(to: heads)
    ).reshaped(to: x.shape)
  }
}

struct BERTDense: Module {
  let dense: Linear

  init(_ c: BERTConfiguration, _ from: Int, _ to: Int) {
    dense = Linear(from, to, hasBias: true, standardDeviation: c.initializerRange)
  }
}

/// norm(residual + dense x)
// swift-format-ignore: AlwaysUseLowerCamelCase
struct BERTResidual: Module {
  let dense: Linear
  let LayerNorm: Layers.LayerNorm

  init(_ c: BERTConfiguration, _ inputSize: Int) {
    dense = Linear(inputSize, c.hiddenSize, hasBias: true, standardDeviation: c.initializerRange)
    LayerNorm = .init(c.hiddenSize, epsilon: c.layerNormEps)
  }

  func callAsFunction(_ x: Tensor, residual: Tensor) -> Tensor { LayerNorm(dense(x) + residual) }
}

struct BERTHeads: Module {
  let predictions: BERTMaskedHead

  init(_ c: BERTConfiguration) { predictions = BERTMaskedHead(c) }
}

/// norm(activation(dense x)), then the table of tokens and a bias: [B, T, C] -> [B, T, V]
struct BERTMaskedHead: Module {
  let transform: BERTTransform
  let bias: Tensor

  init(_ c: BERTConfiguration) {
    transform = BERTTransform(c)
    bias = .variable([c.vocabSize], .zeros)
  }

  func callAsFunction(_ hidden: Tensor, table: Tensor) -> Tensor {
    transform(hidden).matmul(table, transposeOther: true) + bias
  }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
struct BERTTransform: Module {
  let dense: Linear
  let LayerNorm: Layers.LayerNorm
  private let activation: Activation

  init(_ c: BERTConfiguration) {
    dense = Linear(c.hiddenSize, c.hiddenSize, hasBias: true, standardDeviation: c.initializerRange)
    LayerNorm = .init(c.hiddenSize, epsilon: c.layerNormEps)
    activation = c.hiddenAct
  }

  func callAsFunction(_ x: Tensor) -> Tensor { LayerNorm(activation(dense(x))) }
}
