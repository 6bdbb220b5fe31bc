// What the tokens of a run can look back on.
import Base
import Tensors

/// What a layer's attention was given: queries [B, T, H, D], keys and values [B, T, G, D].
public struct AttentionHeads {
  public let queries: Tensor
  public let keys: Tensor
  public let values: Tensor

  public var all: [Tensor] { [queries, keys, values] }
}

/// Where the tokens of a run stand and which others they see: whole sequences read forwards, as in
/// training, one or several in a row; tokens that follow those in a cache, as in generation; or whole
/// sequences read in both directions, as encoders do. A model asks it for positions and attention, and reads
/// the same in all cases.
public final class AttentionContext {
  /// The position of each token, int32 [B, T].
  public let positions: Tensor
  /// What a run in a cache leaves behind.
  public private(set) var assignments: [Graph.Assignment] = []
  /// What each layer's attention was given so far.
  public private(set) var heads: [AttentionHeads] = []
  private let cached: (cache: KeyValueCache, starts: Tensor, lengths: Tensor)?
  /// How many tokens of each sequence count, where all of these are seen.
  private let counts: Tensor?
  /// Where each position's text begins and its last position, where rows hold several.
  private let spans: Tensor?
  private var layerCount = 0
  private var angles: [RotaryEmbedding: (cosine: Tensor, sine: Tensor)] = [:]

  /// Whole sequences: position t of tokens [B, T] sees positions up to t.
  public convenience init(wholeSequences tokens: Tensor) {
    self.init(of: tokens, counts: nil)
  }

  /// Every position of tokens [B, T] sees the first `lengths`, int32 [B], of its sequence.
  public convenience init(bothDirections tokens: Tensor, lengths: Tensor) {
    self.init(of: tokens, counts: lengths)
  }

  private init(of tokens: Tensor, counts: Tensor?) {
    let (b, t) = (tokens.shape[0], tokens.shape[1])
    positions = .constant(TensorData([b, t], (0..<b * t).map { Int32($0 % t) }))
    cached = nil
    self.counts = counts
    spans = nil
  }

  /// Rows of several texts, of which none sees another. Inputs, both int32: the position of each token in its
  /// text, [B, T]; where each position's text begins, and its last position, [B, T, 2].
  public init(positions: Tensor, spans: Tensor) {
    self.positions = positions
    self.spans = spans
    cached = nil
    counts = nil
  }

  /// Tokens that follow those in `cache`. Inputs, all int32: `positions` [B, T]; `starts` [B], how many
  /// tokens of each sequence the cache holds; `lengths` [B], how many with the new ones.
  public init(in cache: KeyValueCache, positions: Tensor, starts: Tensor, lengths: Tensor) {
    self.positions = positions
    cached = (cache, starts, lengths)
    counts = nil
    spans = nil
  }

  /// Queries or keys [B, T, H, D], turned by the angles of their positions.
  public func rotated(_ x: Tensor, by embedding: RotaryEmbedding) -> Tensor {
    let (b, t) = (x.shape[0], x.shape[1])
    let angles = angles(embedding, t)
    guard hasOwnPositions else { return x.rotated(cosine: angles.cosine, sine: angles.sine) }
    // Every token has a position of its own: to the op they are one sequence.
    return x.reshaped(to: [1, b * t, x.shape[2], x.shape[3]])
      .rotated(cosine: angles.cosine, sine: angles.sine).reshaped(to: x.shape)
  }

  /// Whether positions are an input.
  private var hasOwnPositions: Bool { cached != nil || spans != nil }

  private func angles(_ embedding: RotaryEmbedding, _ length: Int) -> (
    cosine: Tensor, sine: Tensor
  ) {
    if let known = angles[embedding] { return known }
    let table = embedding.table(positionCount: cached?.cache.capacity ?? length)
    var (cosine, sine) = (Tensor.constant(table.cosine), Tensor.constant(table.sine))
    if hasOwnPositions {
      let flat = positions.reshaped(to: [positions.type.elementCount])
      (cosine, sine) = (cosine.gathered(flat), sine.gathered(flat))
    }
    angles[embedding] = (cosine, sine)
    return (cosine, sine)
  }

  /// Attention of the next layer: queries [B, T, H, D], keys and values [B, T, G, D]; with a window each
  /// query sees the last so many positions, its own among them.
  public func attention(
    queries: Tensor, keys: Tensor, values: Tensor, window: Int? = nil
  ) -> Tensor {
    heads.append(AttentionHeads(queries: queries, keys: keys, values: values))
    if let counts {
      demand(window == nil, "a window is for sequences that are read forwards")
      return queries.attention(keys: keys, values: values, mask: .full, lengths: counts)
    }
    let mask = AttentionMask.causal(window: window)
    guard let (cache, starts, lengths) = cached else {
      return queries.attention(keys: keys, values: values, mask: mask, spans: spans)
    }
    let layer = cache.layer(layerCount, keys.shape)
    layerCount += 1
    let (allKeys, allValues) = (
      layer.keys.updatingRows(keys, from: starts), layer.values.updatingRows(values, from: starts)
    )
    assignments += [.init(layer.keys, allKeys), .init(layer.values, allValues)]
    return queries.attention(keys: allKeys, values: allValues, mask: mask, lengths: lengths)
  }
}

/// The keys and values of earlier tokens: for each layer two variables [B, capacity, G, D].
public final class KeyValueCache {
  /// How many tokens of each sequence it can hold.
  public let capacity: Int
  private var layers: [(keys: Tensor, values: Tensor)] = []

  public init(capacity: Int) { self.capacity = capacity }

  /// The variables of a layer; made when a first graph asks for them, for its keys of some shape.
  func layer(_ index: Int, _ shape: Shape) -> (keys: Tensor, values: Tensor) {
    if index == layers.count {
      let whole: Shape = [shape[0], capacity, shape[2], shape[3]]
      layers.append((.variable(whole, .zeros), .variable(whole, .zeros)))
    }
    return layers[index]
  }

  /// Gives the variables of all layers their place in a store.
  public func declare(in store: VariableStore, prefix: String) throws {
    for (index, layer) in layers.enumerated() {
      try store.declare("\(prefix).\(index).keys", layer.keys, role: .caches)
      try store.declare("\(prefix).\(index).values", layer.values, role: .caches)
    }
  }
}
