// Gemma 2 and the text model of Gemma 3: a decoder-only transformer with norms before and after each part, layers that
// see a window, and caps on scores and logits (Gemma Team, arXiv 2408.00118 and 2503.19786).
import Layers
import Storage
import Tensors

/// tokens [B, T] -> sqrt(C) embed -> layers -> norm -> head -> logits [B, T, V]
package struct Gemma: LanguageModel {
  let model: GemmaModel
  let lmHead: Linear?
  package let configuration: GemmaConfiguration

  package init(_ configuration: GemmaConfiguration) {
    let c = configuration
    self.configuration = c
    model = GemmaModel(c)
    lmHead =
      c.tieWordEmbeddings
      ? nil
      : Linear(c.hiddenSize, c.vocabSize, hasBias: false, standardDeviation: c.initializerRange)
  }

  package func hiddenStates(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
    model(tokens, context)
  }

  package var head: Head {
    Head(lmHead?.weight ?? model.embedTokens.weight, cap: configuration.headCap)
  }

  package var modelType: String { configuration.family.rawValue }
  package var architecture: String { configuration.family.architecture }
  package var configurationFields: [(key: String, value: JSON)] { configuration.fields }
  package var bodyPrefix: String { "model." }
  package var ignoredNames: [String] {
    ["rotary_emb.inv_freq"] + (configuration.tieWordEmbeddings ? ["lm_head.weight"] : [])
  }
  package var vocabularySize: Int { configuration.vocabSize }
  package var contextLength: Int { configuration.maxPositionEmbeddings }
}

extension ModelFamily {
  static let gemma = ModelFamily(types: GemmaConfiguration.Family.allCases.map(\.rawValue)) {
    folder, file in
    var configuration = try GemmaConfiguration(file)
    return try folder.model(isTied: configuration.tieWordEmbeddings) { isTied in
      configuration.tieWordEmbeddings = isTied
      return Gemma(configuration)
    }
  }
}

struct GemmaModel: Module {
  let embedTokens: Embedding
  let layers: [GemmaLayer]
  let norm: OffsetRMSNorm
  private let scale: Float

  init(_ c: GemmaConfiguration) {
    embedTokens = Embedding(c.vocabSize, c.hiddenSize, standardDeviation: c.initializerRange)
    layers = (0..<c.numHiddenLayers).map { GemmaLayer(c, index: $0) }
    norm = OffsetRMSNorm(c.hiddenSize, epsilon: c.rmsNormEps)
    scale = Float(c.hiddenSize).squareRoot()
  }

  /// [B, T] -> [B, T, C] of the scaled embedding and each layer, the last one normalised
  func callAsFunction(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
    var states = [embedTokens(tokens) * scale]
    for layer in layers { states.append(layer(states[states.count - 1], context)) }
    return states.dropLast() + [norm(states[states.count - 1])]
  }
}

/// x + norm attention(norm x), then x + norm mlp(norm x): [B, T, C] -> [B, T, C]
struct GemmaLayer: Module {
  let inputLayernorm: OffsetRMSNorm
  let selfAttn: GemmaAttention
  let postAttentionLayernorm: OffsetRMSNorm
  let preFeedforwardLayernorm: OffsetRMSNorm
  let mlp: GatedMLP
  let postFeedforwardLayernorm: OffsetRMSNorm

  init(_ c: GemmaConfiguration, index: Int) {
    func norm() -> OffsetRMSNorm { OffsetRMSNorm(c.hiddenSize, epsilon: c.rmsNormEps) }
    inputLayernorm = norm()
    selfAttn = GemmaAttention(c, index: index)
    postAttentionLayernorm = norm()
    preFeedforwardLayernorm = norm()
    mlp = GatedMLP(
      c.hiddenSize, inner: c.intermediateSize, .geluTanh,
      standardDeviation: c.initializerRange, outputDeviation: c.initializerRange)
    postFeedforwardLayernorm = norm()
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let x = x + postAttentionLayernorm(selfAttn(inputLayernorm(x), context))
    return x + postFeedforwardLayernorm(mlp(preFeedforwardLayernorm(x)))
  }
}

/// Causal attention with rotary positions and grouped queries, H query heads and G key heads; scores have a scale of their
/// own and, in Gemma 2, a cap.
struct GemmaAttention: Module {
  let qProj: Linear
  let kProj: Linear
  let vProj: Linear
  let oProj: Linear
  /// Gemma 3's norms of each head's queries and keys.
  let qNorm: OffsetRMSNorm?
  let kNorm: OffsetRMSNorm?
  private let configuration: GemmaConfiguration
  private let isSliding: Bool

  init(_ c: GemmaConfiguration, index: Int) {
    configuration = c
    isSliding = c.slidingLayers[index]
    func linear(_ from: Int, _ to: Int) -> Linear {
      Linear(from, to, hasBias: c.attentionBias, standardDeviation: c.initializerRange)
    }
    qProj = linear(c.hiddenSize, c.numAttentionHeads * c.headSize)
    kProj = linear(c.hiddenSize, c.numKeyValueHeads * c.headSize)
    vProj = linear(c.hiddenSize, c.numKeyValueHeads * c.headSize)
    oProj = linear(c.numAttentionHeads * c.headSize, c.hiddenSize)
    let hasNorms = c.family == .gemma3Text
    qNorm = hasNorms ? OffsetRMSNorm(c.headSize, epsilon: c.rmsNormEps) : nil
    kNorm = hasNorms ? OffsetRMSNorm(c.headSize, epsilon: c.rmsNormEps) : nil
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let c = configuration
    let (b, t) = (x.shape[0], x.shape[1])
    let q = qProj(x).reshaped(to: [b, t, c.numAttentionHeads, c.headSize])
    let k = kProj(x).reshaped(to: [b, t, c.numKeyValueHeads, c.headSize])
    let v = vProj(x).reshaped(to: [b, t, c.numKeyValueHeads, c.headSize])
    let rotary = c.rotary(isSliding: isSliding)
    let out = context.attention(
      queries: context.rotated(qNorm?(q) ?? q, by: rotary),
      keys: context.rotated(kNorm?(k) ?? k, by: rotary), values: v, score: c.score,
      window: isSliding ? c.slidingWindow : nil)
    return oProj(out.reshaped(to: [b, t, c.numAttentionHeads * c.headSize]))
  }
}
