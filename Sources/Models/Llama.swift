// Llama: a decoder-only transformer (Touvron et al., arXiv 2302.13971), and the families that differ
// from it by a bias, a norm or a window: Mistral, Qwen2, Qwen3.
import Layers
import Storage
import Tensors

/// tokens [B, T] -> embed -> layers -> norm -> head -> logits [B, T, V]
public struct Llama: LanguageModel {
  let model: LlamaModel
  let lmHead: Linear?
  /// The sizes.
  public let configuration: LlamaConfiguration

  /// A model of some sizes; its weights are drawn when they are declared in a store.
  public init(_ configuration: LlamaConfiguration) {
    let c = configuration
    self.configuration = c
    model = LlamaModel(c)
    lmHead =
      c.tieWordEmbeddings
      ? nil
      : Linear(c.hiddenSize, c.vocabSize, hasBias: false, standardDeviation: c.initializerRange)
  }

  public func hiddenStates(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
    model(tokens, context)
  }

  public var head: Head { Head(lmHead?.weight ?? model.embedTokens.weight) }

  public var modelType: String { configuration.family.rawValue }
  public var architecture: String { configuration.family.architecture }
  public var configurationFields: [(key: String, value: JSON)] { configuration.fields }
  public var bodyPrefix: String { "model." }
  public var ignoredNames: [String] {
    ["rotary_emb.inv_freq"] + (configuration.tieWordEmbeddings ? ["lm_head.weight"] : [])
  }
  public var vocabularySize: Int { configuration.vocabSize }
  public var contextLength: Int { configuration.maxPositionEmbeddings }
}

extension ModelFamily {
  static let llama = ModelFamily(types: LlamaConfiguration.Family.allCases.map(\.rawValue)) {
    folder, file in
    var configuration = try LlamaConfiguration(file)
    return try folder.model(isTied: configuration.tieWordEmbeddings) { isTied in
      configuration.tieWordEmbeddings = isTied
      return Llama(configuration)
    }
  }
}

struct LlamaModel: Module {
  let embedTokens: Embedding
  let layers: [LlamaLayer]
  let norm: RMSNorm

  init(_ c: LlamaConfiguration) {
    embedTokens = Embedding(c.vocabSize, c.hiddenSize, standardDeviation: c.initializerRange)
    layers = (0..<c.numHiddenLayers).map { LlamaLayer(c, index: $0) }
    norm = RMSNorm(c.hiddenSize, epsilon: c.rmsNormEps)
  }

  /// [B, T] -> [B, T, C] of the embedding and each layer, the last one normalised
  func callAsFunction(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
    var states = [embedTokens(tokens)]
    for layer in layers { states.append(layer(states[states.count - 1], context)) }
    return states.dropLast() + [norm(states[states.count - 1])]
  }
}

/// x + attention(norm x), then x + mlp(norm x): [B, T, C] -> [B, T, C]
struct LlamaLayer: Module {
  let inputLayernorm: RMSNorm
  let selfAttn: LlamaAttention
  let postAttentionLayernorm: RMSNorm
  let mlp: GatedMLP

  init(_ c: LlamaConfiguration, index: Int) {
    inputLayernorm = RMSNorm(c.hiddenSize, epsilon: c.rmsNormEps)
    selfAttn = LlamaAttention(c, index: index)
    postAttentionLayernorm = RMSNorm(c.hiddenSize, epsilon: c.rmsNormEps)
    mlp = GatedMLP(
      c.hiddenSize, inner: c.intermediateSize, .silu, hasBias: c.hasMLPBias,
      standardDeviation: c.initializerRange, outputDeviation: c.residualRange)
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let x = x + selfAttn(inputLayernorm(x), context)
    return x + mlp(postAttentionLayernorm(x))
  }
}

/// Causal attention with rotary positions and grouped queries: H query heads, G key heads.
struct LlamaAttention: Module {
  let qProj: Linear
  let kProj: Linear
  let vProj: Linear
  let oProj: Linear
  /// Qwen3's norms of each head's queries and keys.
  let qNorm: RMSNorm?
  let kNorm: RMSNorm?
  private let configuration: LlamaConfiguration
  private let window: Int?

  init(_ c: LlamaConfiguration, index: Int) {
    configuration = c
    window = c.window(ofLayer: index)
    func projection(_ heads: Int) -> Linear {
      Linear(
        c.hiddenSize, heads * c.headSize, hasBias: c.hasQueryKeyValueBias,
        standardDeviation: c.initializerRange)
    }
    qProj = projection(c.numAttentionHeads)
    kProj = projection(c.numKeyValueHeads)
    vProj = projection(c.numKeyValueHeads)
    // The projections that add to the residual stream start smaller, as in GPT-2.
    oProj = Linear(
      c.numAttentionHeads * c.headSize, c.hiddenSize, hasBias: c.hasOutputBias,
      standardDeviation: c.residualRange)
    qNorm = c.hasQueryKeyNorm ? RMSNorm(c.headSize, epsilon: c.rmsNormEps) : nil
    kNorm = c.hasQueryKeyNorm ? RMSNorm(c.headSize, epsilon: c.rmsNormEps) : nil
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let c = configuration
    let (b, t) = (x.shape[0], x.shape[1])
    let q = qProj(x).reshaped(to: [b, t, c.numAttentionHeads, c.headSize])
    let k = kProj(x).reshaped(to: [b, t, c.numKeyValueHeads, c.headSize])
    let v = vProj(x).reshaped(to: [b, t, c.numKeyValueHeads, c.headSize])
    let out = context.attention(
      queries: context.rotated(qNorm?(q) ?? q, by: c.rotary),
      keys: context.rotated(kNorm?(k) ?? k, by: c.rotary), values: v, window: window)
    return oProj(out.reshaped(to: [b, t, c.numAttentionHeads * c.headSize]))
  }
}
