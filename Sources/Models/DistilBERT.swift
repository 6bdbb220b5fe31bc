// DistilBERT: BERT without token types (Sanh et al., arXiv 1910.01108).
import Layers
import Storage
import Tensors

/// The sizes of a DistilBERT, under the names of Hugging Face's `config.json`.
package struct DistilBERTConfiguration: Sendable, Hashable {
  package var vocabSize: Int
  package var dim: Int
  package var hiddenDim: Int
  package var nLayers: Int
  package var nHeads: Int
  package var maxPositionEmbeddings: Int
  package var activation = Activation.gelu
  /// Whether the model has the head that predicts masked tokens.
  package var hasMaskedHead = false

  /// `names` are the tensors of the file: they tell which head there is.
  init(_ file: ConfigurationFile, names: [String]) throws {
    vocabSize = try file.count("vocab_size")
    dim = try file.count("dim")
    hiddenDim = try file.count("hidden_dim")
    nLayers = try file.layerCount("n_layers")
    nHeads = try file.count("n_heads")
    maxPositionEmbeddings = try file.count("max_position_embeddings", default: 512)
    activation = try file.activation("activation", default: .gelu)
    hasMaskedHead = names.contains("vocab_transform.weight")
    guard dim % nHeads == 0 else { throw file.failure("n_heads", "must divide the width \(dim)") }
  }

  /// The fields of `config.json`.
  var fields: [(key: String, value: JSON)] {
    [
      ("vocab_size", JSON(vocabSize)), ("dim", JSON(dim)), ("hidden_dim", JSON(hiddenDim)),
      ("n_layers", JSON(nLayers)), ("n_heads", JSON(nHeads)),
      ("max_position_embeddings", JSON(maxPositionEmbeddings)),
      ("activation", .string(activation.rawValue)),
      ("initializer_range", .number("\(initializerRange)")),
    ]
  }

  var initializerRange: Float { 0.5 / Float(dim).squareRoot() }
  static let epsilon: Float = 1e-12
}

/// tokens [B, T] -> embed -> layers -> hidden states [B, T, C]
package struct DistilBERT: Encoder {
  let distilbert: DistilBERTModel
  let vocabTransform: Linear?
  let vocabLayerNorm: LayerNorm?
  let vocabProjector: DistilBERTProjector?
  package let configuration: DistilBERTConfiguration

  package init(_ configuration: DistilBERTConfiguration) {
    let c = configuration
    self.configuration = c
    distilbert = DistilBERTModel(c)
    vocabTransform =
      c.hasMaskedHead
      ? Linear(c.dim, c.dim, hasBias: true, standardDeviation: c.initializerRange) : nil
    vocabLayerNorm =
      c.hasMaskedHead ? LayerNorm(c.dim, epsilon: DistilBERTConfiguration.epsilon) : nil
    vocabProjector = c.hasMaskedHead ? DistilBERTProjector(c) : nil
  }

  package func hiddenStates(_ tokens: Tensor, types: Tensor, _ context: AttentionContext)
    -> [Tensor]
  {
    distilbert(tokens, context)
  }

  /// norm(activation(dense x)), then the table of tokens and a bias
  package func maskedLogits(_ hidden: Tensor) -> Tensor? {
    guard let vocabTransform, let vocabLayerNorm, let vocabProjector else { return nil }
    return vocabLayerNorm(configuration.activation(vocabTransform(hidden)))
      .matmul(distilbert.embeddings.wordEmbeddings.weight, transposeOther: true)
      + vocabProjector.bias
  }

  package var width: Int { configuration.dim }
  package var modelType: String { "distilbert" }
  package var architecture: String {
    configuration.hasMaskedHead ? "DistilBertForMaskedLM" : "DistilBertModel"
  }
  package var configurationFields: [(key: String, value: JSON)] { configuration.fields }
  package var bodyPrefix: String { "distilbert." }
  package var ignoredNames: [String] { ["embeddings.position_ids", "vocab_projector.weight"] }
  /// The body alone is written without its prefix, as `transformers` does.
  package func storedName(_ name: String) -> String {
    configuration.hasMaskedHead ? name : String(name.dropFirst(bodyPrefix.count))
  }
  package var vocabularySize: Int { configuration.vocabSize }
  package var contextLength: Int { configuration.maxPositionEmbeddings }
}

extension ModelFamily {
  static let distilBERT = ModelFamily(types: ["distilbert"]) { folder, file in
    DistilBERT(
      try DistilBERTConfiguration(
        file, names: try folder.weights().names))
  }
}

/// The head's bias; its weight is the table of tokens.
struct DistilBERTProjector: Module {
  let bias: Tensor

  init(_ c: DistilBERTConfiguration) { bias = .variable([c.vocabSize], .zeros) }
}

struct DistilBERTModel: Module {
  let embeddings: DistilBERTEmbeddings
  let transformer: DistilBERTTransformer

  init(_ c: DistilBERTConfiguration) {
    embeddings = DistilBERTEmbeddings(c)
    transformer = DistilBERTTransformer(
      layer: (0..<c.nLayers).map { _ in DistilBERTLayer(c) })
  }

  func callAsFunction(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
    var states = [embeddings(tokens, context)]
    for layer in transformer.layer { states.append(layer(states[states.count - 1], context)) }
    return states
  }
}

struct DistilBERTTransformer: Module { let layer: [DistilBERTLayer] }

// The names of properties are those of the weights in Hugging Face's files.
// swift-format-ignore: AlwaysUseLowerCamelCase
struct DistilBERTEmbeddings: Module {
  let wordEmbeddings: Embedding
  let positionEmbeddings: Embedding
  let LayerNorm: Layers.LayerNorm

  init(_ c: DistilBERTConfiguration) {
    wordEmbeddings = Embedding(c.vocabSize, c.dim, standardDeviation: c.initializerRange)
    positionEmbeddings = Embedding(
      c.maxPositionEmbeddings, c.dim, standardDeviation: c.initializerRange)
    LayerNorm = .init(c.dim, epsilon: DistilBERTConfiguration.epsilon)
  }

  /// [B, T] -> [B, T, C]
  func callAsFunction(_ tokens: Tensor, _ context: AttentionContext) -> Tensor {
    LayerNorm(wordEmbeddings(tokens) + positionEmbeddings(context.positions))
  }
}

/// norm(x + attention x), then norm(x + ffn x): [B, T, C] -> [B, T, C]
struct DistilBERTLayer: Module {
  let attention: DistilBERTAttention
  let saLayerNorm: LayerNorm
  let ffn: DistilBERTFeedForward
  let outputLayerNorm: LayerNorm

  init(_ c: DistilBERTConfiguration) {
    attention = DistilBERTAttention(c)
    saLayerNorm = LayerNorm(c.dim, epsilon: DistilBERTConfiguration.epsilon)
    ffn = DistilBERTFeedForward(c)
    outputLayerNorm = LayerNorm(c.dim, epsilon: DistilBERTConfiguration.epsilon)
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let x = saLayerNorm(attention(x, context) + x)
    return outputLayerNorm(ffn(x) + x)
  }
}

/// Attention of every token to all of its sequence that count.
struct DistilBERTAttention: Module {
  let qLin: Linear
  let kLin: Linear
  let vLin: Linear
  let outLin: Linear
  private let headCount: Int

  init(_ c: DistilBERTConfiguration) {
    headCount = c.nHeads
    func projection() -> Linear {
      Linear(c.dim, c.dim, hasBias: true, standardDeviation: c.initializerRange)
    }
    (qLin, kLin, vLin, outLin) = (projection(), projection(), projection(), projection())
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let heads: Shape = [x.shape[0], x.shape[1], headCount, x.shape[2] / headCount]
    let out = context.attention(
      queries: qLin(x).reshaped(to: heads), keys: kLin(x).reshaped(to: heads),
      values: vLin(x).reshaped(to: heads))
    return outLin(out.reshaped(to: x.shape))
  }
}

/// lin2(activation(lin1 x))
struct DistilBERTFeedForward: Module {
  let lin1: Linear
  let lin2: Linear
  private let activation: Activation

  init(_ c: DistilBERTConfiguration) {
    lin1 = Linear(c.dim, c.hiddenDim, hasBias: true, standardDeviation: c.initializerRange)
    lin2 = Linear(c.hiddenDim, c.dim, hasBias: true, standardDeviation: c.initializerRange)
    activation = c.activation
  }

  func callAsFunction(_ x: Tensor) -> Tensor { lin2(activation(lin1(x))) }
}
