// Continuing texts.
import Base
import Layers
import Models
import Storage
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

  /// A graph that reads some tokens of each text and gives the logits that follow the last ones.
  private struct Pass {
    let executor: GraphExecutor
    let tokens: Tensor
    let positions: Tensor
    let starts: Tensor
    let lengths: Tensor
    let last: Tensor
    let logits: Tensor
  }

  /// The most texts that are continued together.
  public let batchSize: Int
  /// The most tokens of a text that the model looks back on.
  public let capacity: Int
  /// What the latest call took.
  public private(set) var timing = Timing()
  private let model: any LanguageModel
  private let store: VariableStore
  private let cache: KeyValueCache
  /// A name that no other generator in the store has taken when this one first reads.
  private lazy var cacheName: String = {
    let number = (0...).first { store.entry(named: "cache\($0).0.keys") == nil } ?? 0
    return "cache\(number)"
  }()
  private var passes: [Int: Pass] = [:]
  /// How many ids may be drawn: a table may be padded with rows that are no tokens.
  private let drawable: Int

  /// A model whose variables are in `store`. Tokens from `vocabularySize` on are never drawn.
  public init(
    _ model: any LanguageModel, vocabularySize: Int? = nil, store: VariableStore,
    batchSize: Int = 1, capacity: Int
  ) {
    self.model = model
    self.store = store
    self.batchSize = batchSize
    self.capacity = max(2, min(capacity, model.contextLength))
    drawable = min(
      vocabularySize ?? model.vocabularySize, model.vocabularySize, model.head.weight.shape[0])
    cache = KeyValueCache(capacity: self.capacity)
  }

  /// The pass for some tokens of each text, made when it is first needed.
  private func pass(_ count: Int) throws -> Pass {
    if let known = passes[count] { return known }
    func input(_ name: String, _ shape: Shape) -> Tensor { .input(name, TensorType(shape, .int32)) }
    let tokens = input("tokens", [batchSize, count])
    let positions = input("positions", [batchSize, count])
    let starts = input("starts", [batchSize])
    let lengths = input("lengths", [batchSize])
    let last = input("last", [batchSize])
    let context = AttentionContext(
      in: cache, positions: positions, starts: starts, lengths: lengths)
    let hidden = model.hidden(tokens, context)
    let logits = model.head.logits(
      hidden.reshaped(to: [batchSize * count, hidden.shape[2]]).gathered(last))
    try cache.declare(in: store, prefix: cacheName)
    let executor = try GraphExecutor(
      Graph(outputs: [logits], assignments: context.assignments), on: store)
    let pass = Pass(
      executor: executor, tokens: tokens, positions: positions, starts: starts, lengths: lengths,
      last: last, logits: logits)
    passes[count] = pass
    return pass
  }

  /// The number of tokens that a pass for some tokens reads: one of few, so that few graphs are made,
  /// and at most a quarter more.
  static func passLength(_ count: Int) -> Int {
    var power = 1
    while 2 * power <= count { power *= 2 }
    let quarter = max(1, power / 4)
    return (count + quarter - 1) / quarter * quarter
  }

  /// Reads tokens that follow the first `starts` of each text, in one pass over `count` of them, and
  /// returns the logits that follow them: one row for each text.
  private func read(
    _ texts: [ArraySlice<Int32>], after starts: [Int], with pass: Pass, _ count: Int
  ) throws -> [[Float]] {
    func set(_ input: Tensor, _ numbers: [Int]) throws {
      try pass.executor.set(input, to: TensorData(input.shape, numbers.map { Int32($0) }))
    }
    try set(
      pass.tokens,
      texts.flatMap { text in
        text.map { Int($0) } + [Int](repeating: 0, count: count - text.count)
      })
    try set(pass.positions, starts.flatMap { start in (0..<count).map { start + $0 } })
    try set(pass.starts, starts)
    try set(pass.lengths, starts.map { $0 + count })
    try set(pass.last, texts.enumerated().map { $0 * count + max($1.count, 1) - 1 })
    try pass.executor.run()
    let logits = try pass.executor.value(of: pass.logits).floats
    guard logits.allSatisfy(\.isFinite) else {
      throw UserError.notFinite("The logits of the next token")
    }
    let width = pass.logits.shape[1]
    return texts.indices.map { Array(logits[$0 * width..<$0 * width + drawable]) }
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
    for id in prompts.joined() where !(0..<Int32(model.vocabularySize)).contains(id) {
      throw UserError("The token \(id) of a prompt is none of the model's \(model.vocabularySize).")
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
      let length = min(Self.passLength(most), capacity)
      // A text that has fewer new tokens than others is read again from further back where the pass would not fit
      // into the cache: the same tokens at the same places.
      for row in texts.indices { known[row] = min(known[row], capacity - length) }
      let fresh = texts.indices.map { texts[$0][(origins[$0] + known[$0])...] }
      let pass = try pass(length)
      // What is prepared once for all texts is not counted.
      let clock = ContinuousClock.now
      let logits = try read(fresh, after: known, with: pass, length)
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
