// Llama: a decoder-only transformer (Touvron et al., arXiv 2302.13971).
import Layers
import Tensors

/// The sizes of a Llama, under the names of Hugging Face's `config.json`.
public struct LlamaConfiguration: Codable, Sendable, Hashable {
  public var vocabSize: Int
  public var hiddenSize: Int
  public var intermediateSize: Int
  public var numHiddenLayers: Int
  public var numAttentionHeads: Int
  public var numKeyValueHeads: Int
  public var maxPositionEmbeddings: Int
  public var rmsNormEps: Float = 1e-5
  public var ropeTheta: Float = 10_000
  public var tieWordEmbeddings: Bool = true

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
    maxPositionEmbeddings = contextLength
  }

  public var headSize: Int { hiddenSize / numAttentionHeads }

  /// The standard deviation of initial weights: 0.5 / sqrt(width), which is GPT-2's 0.02 near its
  /// width of 768 and larger for narrow models, which otherwise leave their first plateau late.
  public var initializerRange: Float { 0.5 / Float(hiddenSize).squareRoot() }
}

/// tokens [B, T] -> embed -> layers -> norm -> head -> logits [B, T, V]
public struct Llama: LanguageModel {
  let model: LlamaModel
  let lmHead: Linear?
  public let configuration: LlamaConfiguration

  public init(_ configuration: LlamaConfiguration) {
    let c = configuration
    self.configuration = c
    model = LlamaModel(c)
    lmHead =
      c.tieWordEmbeddings
      ? nil
      : Linear(c.hiddenSize, c.vocabSize, hasBias: false, standardDeviation: c.initializerRange)
  }

  public var vocabularySize: Int { configuration.vocabSize }

  public func hidden(_ tokens: Tensor) -> Tensor { model(tokens) }

  public var headWeight: Tensor { lmHead?.weight ?? model.embedTokens.weight }
}

struct LlamaModel: Module {
  let embedTokens: Embedding
  let layers: [LlamaLayer]
  let norm: RMSNorm

  init(_ c: LlamaConfiguration) {
    embedTokens = Embedding(c.vocabSize, c.hiddenSize, standardDeviation: c.initializerRange)
    layers = (0..<c.numHiddenLayers).map { _ in LlamaLayer(c) }
    norm = RMSNorm(c.hiddenSize, epsilon: c.rmsNormEps)
  }

  /// [B, T] -> [B, T, C]
  func callAsFunction(_ tokens: Tensor) -> Tensor {
    norm(layers.reduce(embedTokens(tokens)) { x, layer in layer(x) })
  }
}

/// x + attention(norm x), then x + mlp(norm x): [B, T, C] -> [B, T, C]
struct LlamaLayer: Module {
  let inputLayernorm: RMSNorm
  let selfAttn: LlamaAttention
  let postAttentionLayernorm: RMSNorm
  let mlp: LlamaMLP

  init(_ c: LlamaConfiguration) {
    inputLayernorm = RMSNorm(c.hiddenSize, epsilon: c.rmsNormEps)
    selfAttn = LlamaAttention(c)
    postAttentionLayernorm = RMSNorm(c.hiddenSize, epsilon: c.rmsNormEps)
    mlp = LlamaMLP(c)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let x = x + selfAttn(inputLayernorm(x))
    return x + mlp(postAttentionLayernorm(x))
  }
}

/// Causal attention with rotary positions and grouped queries: H query heads, G key heads.
struct LlamaAttention: Module {
  let qProj: Linear
  let kProj: Linear
  let vProj: Linear
  let oProj: Linear
  private let configuration: LlamaConfiguration

  init(_ c: LlamaConfiguration) {
    configuration = c
    let keyWidth = c.numKeyValueHeads * c.headSize
    let queryWidth = c.numAttentionHeads * c.headSize
    qProj = Linear(c.hiddenSize, queryWidth, hasBias: false, standardDeviation: c.initializerRange)
    kProj = Linear(c.hiddenSize, keyWidth, hasBias: false, standardDeviation: c.initializerRange)
    vProj = Linear(c.hiddenSize, keyWidth, hasBias: false, standardDeviation: c.initializerRange)
    // The projections that add to the residual stream start smaller, as in GPT-2.
    oProj = Linear(
      queryWidth, c.hiddenSize, hasBias: false,
      standardDeviation: c.initializerRange / Float(2 * c.numHiddenLayers).squareRoot())
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let c = configuration
    let (b, t) = (x.shape[0], x.shape[1])
    let q = qProj(x).reshaped(to: [b, t, c.numAttentionHeads, c.headSize])
    let k = kProj(x).reshaped(to: [b, t, c.numKeyValueHeads, c.headSize])
    let v = vProj(x).reshaped(to: [b, t, c.numKeyValueHeads, c.headSize])
    let out = q.rotated(base: c.ropeTheta)
      .attention(keys: k.rotated(base: c.ropeTheta), values: v, mask: .causal)
    return oProj(out.reshaped(to: [b, t, c.numAttentionHeads * c.headSize]))
  }
}

/// down(silu(gate x) * up x) (Shazeer, arXiv 2002.05202)
struct LlamaMLP: Module {
  let gateProj: Linear
  let upProj: Linear
  let downProj: Linear

  init(_ c: LlamaConfiguration) {
    gateProj = Linear(
      c.hiddenSize, c.intermediateSize, hasBias: false, standardDeviation: c.initializerRange)
    upProj = Linear(
      c.hiddenSize, c.intermediateSize, hasBias: false, standardDeviation: c.initializerRange)
    downProj = Linear(
      c.intermediateSize, c.hiddenSize, hasBias: false,
      standardDeviation: c.initializerRange / Float(2 * c.numHiddenLayers).squareRoot())
  }

  func callAsFunction(_ x: Tensor) -> Tensor { downProj(gateProj(x).silu() * upProj(x)) }
}
