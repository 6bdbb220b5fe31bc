// GPT-2: a decoder-only transformer with learned positions (Radford et al., 2019).
import Layers
import Tensors

/// The sizes of a GPT-2, under the names of Hugging Face's `config.json`.
public struct GPT2Configuration: Codable, Sendable, Hashable {
  public var vocabSize: Int
  public var nPositions: Int
  public var nEmbd: Int
  public var nLayer: Int
  public var nHead: Int
  public var layerNormEpsilon: Float = 1e-5

  public init(
    vocabularySize: Int, contextLength: Int, width: Int, layerCount: Int, headCount: Int
  ) {
    vocabSize = vocabularySize
    nPositions = contextLength
    nEmbd = width
    nLayer = layerCount
    nHead = headCount
  }

  /// The standard deviation of initial weights: 0.5 / sqrt(width), GPT-2's 0.02 near width 768.
  public var initializerRange: Float { 0.5 / Float(nEmbd).squareRoot() }
  /// That of the projections that add to the residual stream.
  var residualRange: Float { initializerRange / Float(2 * nLayer).squareRoot() }
}

/// tokens [B, T] -> embed + positions -> layers -> norm -> logits [B, T, V], with a tied head
public struct GPT2: LanguageModel {
  let transformer: GPT2Transformer
  public let configuration: GPT2Configuration

  public init(_ configuration: GPT2Configuration) {
    self.configuration = configuration
    transformer = GPT2Transformer(configuration)
  }

  public var vocabularySize: Int { configuration.vocabSize }

  public func hidden(_ tokens: Tensor) -> Tensor { transformer(tokens) }

  public var headWeight: Tensor { transformer.wte.weight }
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

  /// [B, T] -> [B, T, C]
  func callAsFunction(_ tokens: Tensor) -> Tensor {
    let (b, t) = (tokens.shape[0], tokens.shape[1])
    let positions = TensorData(tokens.shape, (0..<b * t).map { Int32($0 % t) })
    let x = wte(tokens) + wpe(.constant(positions))
    return ln_f(h.reduce(x) { x, layer in layer(x) })
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

  func callAsFunction(_ x: Tensor) -> Tensor {
    let x = x + attn(ln_1(x))
    return x + mlp(ln_2(x))
  }
}

/// Causal attention whose queries, keys and values come from one projection.
struct GPT2Attention: Module {
  let cAttn: Projection
  let cProj: Projection
  private let headCount: Int

  init(_ c: GPT2Configuration) {
    headCount = c.nHead
    cAttn = Projection(c.nEmbd, 3 * c.nEmbd, standardDeviation: c.initializerRange)
    cProj = Projection(c.nEmbd, c.nEmbd, standardDeviation: c.residualRange)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let width = x.shape[2]
    let heads: Shape = [x.shape[0], x.shape[1], headCount, width / headCount]
    let parts = cAttn(x).split([width, width, width]).map { $0.reshaped(to: heads) }
    let out = parts[0].attention(keys: parts[1], values: parts[2], mask: .causal)
    return cProj(out.reshaped(to: x.shape))
  }
}

/// proj(gelu(fc x)), with GELU's tanh form
struct GPT2MLP: Module {
  let cFc: Projection
  let cProj: Projection

  init(_ c: GPT2Configuration) {
    cFc = Projection(c.nEmbd, 4 * c.nEmbd, standardDeviation: c.initializerRange)
    cProj = Projection(4 * c.nEmbd, c.nEmbd, standardDeviation: c.residualRange)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { cProj(cFc(x).geluTanh()) }
}
