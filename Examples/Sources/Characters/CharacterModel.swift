// A transformer of one's own that writes text byte by byte.
import Retort

/// Tokens [B, T] -> embedding + positions -> layers -> norm -> logits [B, T, 256]. The head is the table of the bytes.
struct CharacterModel: LanguageModel {
  let vocabularySize = 256
  let contextLength: Int
  let bytes: Embedding
  let positions: Embedding
  let layers: [CharacterLayer]
  let norm: LayerNorm

  init(width: Int, layerCount: Int, headCount: Int, contextLength: Int) {
    self.contextLength = contextLength
    bytes = Embedding(256, width, standardDeviation: 0.05)
    positions = Embedding(contextLength, width, standardDeviation: 0.02)
    layers = (0..<layerCount).map { _ in CharacterLayer(width, headCount) }
    norm = LayerNorm(width)
  }

  var head: Head { Head(bytes.weight) }

  func hiddenStates(_ tokens: Tensor, _ context: AttentionContext) -> [Tensor] {
    var state = bytes(tokens) + positions(context.positions)
    var states = [state]
    for layer in layers {
      state = layer(state, context)
      states.append(state)
    }
    return states.dropLast() + [norm(state)]
  }
}

/// x + attention(norm x), then x + mlp(norm x): [B, T, C] -> [B, T, C]
struct CharacterLayer: Module {
  let attentionNorm, mlpNorm: LayerNorm
  let queries, keys, values, projection: Linear
  let up, down: Linear
  private let headCount: Int

  init(_ width: Int, _ headCount: Int) {
    self.headCount = headCount
    (attentionNorm, mlpNorm) = (LayerNorm(width), LayerNorm(width))
    (queries, keys, values) = (Linear(width, width), Linear(width, width), Linear(width, width))
    projection = Linear(width, width)
    (up, down) = (Linear(width, 4 * width), Linear(4 * width, width))
  }

  func callAsFunction(_ x: Tensor, _ context: AttentionContext) -> Tensor {
    let y = attentionNorm(x)
    let heads: Shape = [x.shape[0], x.shape[1], headCount, x.shape[2] / headCount]
    let seen = context.attention(
      queries: queries(y).reshaped(to: heads), keys: keys(y).reshaped(to: heads),
      values: values(y).reshaped(to: heads))
    let z = x + projection(seen.reshaped(to: x.shape))
    return z + down(up(mlpNorm(z)).gelu())
  }
}
