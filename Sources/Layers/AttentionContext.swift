// What the tokens of a run can look back on.
import Base
import Tensors

/// What a layer's attention was given: queries [B, T, H, D], keys and values [B, T, G, D].
package struct AttentionHeads {
  package let queries: Tensor
  package let keys: Tensor
  package let values: Tensor

  package var all: [Tensor] { [queries, keys, values] }
}

/// Where the tokens of a run stand and which others they see: whole sequences read forwards, as in
/// training, one or several in a row; tokens that follow those in a cache, as in generation; or whole
/// sequences read in both directions, as encoders do. A model asks it for positions and attention, and reads
/// the same in all cases.
public final class AttentionContext {
  /// The position of each token, int32 [B, T].
  public let positions: Tensor
  /// What a run in a cache leaves behind.
  package private(set) var assignments: [Graph.Assignment] = []
  /// What each layer's attention was given so far.
  package private(set) var heads: [AttentionHeads] = []
  private let visibility: Visibility
  private var layerCount = 0
  private var angles: [RotaryEmbedding: (cosine: Tensor, sine: Tensor)] = [:]

  /// What positions see, and where their keys lie.
  private enum Visibility {
    /// Those before them.
    case before
    /// All of the first `counts` of each sequence, int32 [B].
    case all(counts: Tensor)
    /// Those before them in their text: where it begins and its last position, int32 [B, T, 2].
    case beforeInText(segments: Tensor)
    /// Those before them, the earliest in a cache: how many it holds, and how many there are with the new ones, int32 [B]
    /// each, or [B, 2] with rows of the cache.
    case cached(KeyValueCache, starts: Tensor, lengths: Tensor)
  }

  /// Whole sequences: position t of tokens [B, T] sees positions up to t.
  public convenience init(wholeSequences tokens: Tensor) {
    self.init(of: tokens, .before)
  }

  /// Every position of tokens [B, T] sees the first `lengths`, int32 [B], of its sequence.
  public convenience init(bothDirections tokens: Tensor, lengths: Tensor) {
    self.init(of: tokens, .all(counts: lengths))
  }

  private init(of tokens: Tensor, _ visibility: Visibility) {
    let (b, t) = (tokens.shape[0], tokens.shape[1])
    positions = .constant(TensorData([b, t], (0..<b * t).map { Int32($0 % t) }))
    self.visibility = visibility
  }

  /// Rows of several texts, of which none sees another. Inputs, both int32: the position of each token in its
  /// text, [B, T]; where each position's text begins, and its last position, [B, T, 2].
  package init(positions: Tensor, segments: Tensor) {
    self.positions = positions
    visibility = .beforeInText(segments: segments)
  }

  /// Tokens that follow those in `cache`. Inputs, all int32: `positions` [B, T]; `starts` [B], how many
  /// tokens of each sequence the cache holds; `lengths` [B], how many with the new ones. For a cache with rows of its own both
  /// are [B, 2], with the row of each sequence behind the count.
  package init(in cache: KeyValueCache, positions: Tensor, starts: Tensor, lengths: Tensor) {
    self.positions = positions
    visibility = .cached(cache, starts: starts, lengths: lengths)
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
  private var hasOwnPositions: Bool {
    switch visibility {
    case .before, .all: false
    case .beforeInText, .cached: true
    }
  }

  private func angles(_ embedding: RotaryEmbedding, _ length: Int) -> (
    cosine: Tensor, sine: Tensor
  ) {
    if let known = angles[embedding] { return known }
    var count = length
    if case .cached(let cache, _, _) = visibility { count = cache.capacity }
    let table = embedding.table(positionCount: count)
    var (cosine, sine) = (Tensor.constant(table.cosine), Tensor.constant(table.sine))
    if hasOwnPositions {
      let flat = positions.reshaped(to: [positions.type.elementCount])
      (cosine, sine) = (cosine.gathered(flat), sine.gathered(flat))
    }
    angles[embedding] = (cosine, sine)
    return (cosine, sine)
  }

  /// Attention of the next layer: queries [B, T, H, D], keys and values [B, T, G, D]; with a window each
  /// query sees the last so many positions, its own among them. Scores are scaled by 1 / sqrt(D) unless `score` says
  /// otherwise.
  public func attention(
    queries: Tensor, keys: Tensor, values: Tensor, score: AttentionScore? = nil,
    window: Int? = nil
  ) -> Tensor {
    heads.append(AttentionHeads(queries: queries, keys: keys, values: values))
    let mask = AttentionMask.causal(window: window)
    switch visibility {
    case .before:
      return queries.attention(keys: keys, values: values, mask: mask, score: score)
    case .all(let counts):
      demand(window == nil, "a window is for sequences that are read forwards")
      return queries.attention(
        keys: keys, values: values, mask: .full, score: score, lengths: counts)
    case .beforeInText(let segments):
      return queries.attention(
        keys: keys, values: values, mask: mask, score: score, segments: segments)
    case .cached(let cache, let starts, let lengths):
      let layer = cache.layer(layerCount, keys.shape)
      layerCount += 1
      let (allKeys, allValues) = (
        layer.keys.updatingRows(keys, from: starts),
        layer.values.updatingRows(values, from: starts)
      )
      assignments += [.init(layer.keys, allKeys), .init(layer.values, allValues)]
      return queries.attention(
        keys: allKeys, values: allValues, mask: mask, score: score, lengths: lengths)
    }
  }
}

/// The keys and values of earlier tokens: for each layer two variables [B, capacity, G, D].
package final class KeyValueCache {
  /// How many tokens of each sequence it can hold.
  package let capacity: Int
  /// How many sequences it holds; nil for as many as a run has.
  private let rowCount: Int?
  private var layers: [(keys: Tensor, values: Tensor)] = []

  package init(capacity: Int, rowCount: Int? = nil) {
    (self.capacity, self.rowCount) = (capacity, rowCount)
  }

  /// The variables of a layer; made when a first graph asks for them, for its keys of some shape.
  func layer(_ index: Int, _ shape: Shape) -> (keys: Tensor, values: Tensor) {
    if index == layers.count {
      let whole: Shape = [rowCount ?? shape[0], capacity, shape[2], shape[3]]
      layers.append((.variable(whole, .zeros), .variable(whole, .zeros)))
    }
    return layers[index]
  }

  /// Gives the variables of all layers their place in a store.
  package func declare(in store: VariableStore, prefix: String) throws {
    for (index, layer) in layers.enumerated() {
      try store.declare("\(prefix).\(index).keys", layer.keys, role: .caches)
      try store.declare("\(prefix).\(index).values", layer.values, role: .caches)
    }
  }
}
