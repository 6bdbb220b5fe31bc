// Continuing texts.
import Base
import Models
import Tensors

/// Continues several texts at once with a language model whose keys and values stay on the device.
public final class Generator {
  /// What a call took.
  public struct Timing: Sendable {
    /// Tokens that were read.
    public var promptTokens = 0
    /// Seconds that reading took.
    public var promptSeconds = 0.0
    /// Tokens that were drawn.
    public var newTokens = 0
    /// Seconds that drawing took.
    public var newSeconds = 0.0

    package init() {}

    package static func += (sum: inout Timing, part: Timing) {
      sum.promptTokens += part.promptTokens
      sum.promptSeconds += part.promptSeconds
      sum.newTokens += part.newTokens
      sum.newSeconds += part.newSeconds
    }
  }

  /// The most texts that are continued together.
  public let batchSize: Int
  /// The most tokens of a text that the model looks back on.
  public var capacity: Int { reader.capacity }
  /// What the latest call took.
  public private(set) var timing = Timing()
  private let reader: CachedReader
  private let vocabularySize: Int

  /// A model whose variables are in `store`. Tokens from `vocabularySize` on are never drawn.
  public init(
    _ model: any LanguageModel, vocabularySize: Int? = nil, store: VariableStore,
    batchSize: Int = 1, capacity: Int
  ) {
    self.batchSize = batchSize
    reader = CachedReader(model, vocabularySize: vocabularySize, store: store, capacity: capacity)
    self.vocabularySize = model.vocabularySize
  }

  /// Continues `prompts`, at most as many as the batch has rows, of at least one token each, by up to
  /// `count` tokens or until one of `ends` is drawn. `onToken` gets each row and token and says whether
  /// the row goes on. A text that outgrows the capacity goes on from its last half, and no other with it. `firstRow`
  /// numbers the rows for the draws.
  public func generate(
    _ prompts: [[Int32]], count: Int, sampling: Sampling = Sampling(), ends: Set<Int32> = [],
    firstRow: Int = 0,
    onToken: (_ row: Int, _ token: Int32) throws -> Bool = { _, _ in true }
  ) throws -> [[Int32]] {
    demand(
      prompts.count <= batchSize, "\(prompts.count) prompts for a generator of \(batchSize) texts")
    demand(prompts.allSatisfy { !$0.isEmpty }, "a prompt has at least one token")
    for id in prompts.joined() where !(0..<Int32(vocabularySize)).contains(id) {
      throw UserError("The token \(id) of a prompt is none of the model's \(vocabularySize).")
    }
    timing = Timing()
    // Rows without a text read something, and are never heard of.
    var texts = prompts + [[Int32]](repeating: [0], count: batchSize - prompts.count)
    // What the cache holds of each text, from where on.
    var origins = texts.map { max(0, $0.count - capacity + 1) }
    var known = texts.map { _ in 0 }
    var isGoing = texts.indices.map { $0 < prompts.count }
    for step in 0..<max(0, count) where isGoing.contains(true) {
      for row in texts.indices where texts[row].count - origins[row] > capacity {
        origins[row] = max(0, texts[row].count - capacity / 2)
        known[row] = 0
      }
      let most = texts.indices.map { texts[$0].count - origins[$0] - known[$0] }.max() ?? 1
      let length = min(CachedReader.passLength(most), capacity)
      // A text that has fewer new tokens than others is read again from further back where the pass would not fit
      // into the cache: the same tokens at the same places.
      for row in texts.indices { known[row] = min(known[row], capacity - length) }
      let fresh = texts.indices.map { texts[$0][(origins[$0] + known[$0])...] }
      // What is prepared once for all texts is not counted.
      try reader.prepare(texts: batchSize, count: length)
      let clock = ContinuousClock.now
      let logits = try reader.read(fresh, after: known, length)
      let chosen = texts.indices.map { row in
        isGoing[row]
          ? sampling.next(logits[row], after: texts[row], row: firstRow + row, step: step) : 0
      }
      let seconds = (ContinuousClock.now - clock).seconds
      if step == 0 {
        timing.promptTokens += fresh.prefix(prompts.count).reduce(0) { $0 + $1.count }
        timing.promptSeconds += seconds
      } else {
        timing.newTokens += isGoing.count { $0 }
        timing.newSeconds += seconds
      }
      for row in texts.indices {
        known[row] = texts[row].count - origins[row]
        // A row that has ended is read on with its last token, which changes nothing that is kept.
        guard isGoing[row] else {
          known[row] -= 1
          continue
        }
        if ends.contains(chosen[row]) {
          isGoing[row] = false
          known[row] -= 1
        } else {
          texts[row].append(chosen[row])
          isGoing[row] = try onToken(row, chosen[row])
        }
      }
    }
    return zip(texts, prompts).map { Array($0.dropFirst($1.count)) }
  }
}
