// Reading tokens behind those that are in a cache.
import Base
import Layers
import Models
import Tensors

/// A language model whose keys and values stay on the device: it reads tokens of several texts, and gives the logits that follow.
final class CachedReader {
  /// A graph that reads some tokens of each text.
  private struct Pass {
    let executor: GraphExecutor
    let tokens: Tensor
    let positions: Tensor
    let starts: Tensor
    let lengths: Tensor
    let last: Tensor
    let logits: Tensor
  }

  /// How many texts a pass reads, how many tokens of each, and whether it gives the logits behind every one of them.
  private struct PassKind: Hashable {
    let texts: Int
    let count: Int
    let isComplete: Bool
  }

  /// The most tokens of a text that the model looks back on.
  let capacity: Int
  /// How many ids may be drawn: a table may be padded with rows that are no tokens.
  let drawable: Int
  private let model: any LanguageModel
  private let store: VariableStore
  private let cache: KeyValueCache
  /// Whether texts say in which row of the cache they lie.
  private let namesRows: Bool
  /// A name that no other cache in the store has taken when this one first reads.
  private lazy var cacheName: String = {
    let number = (0...).first { store.entry(named: "cache\($0).0.keys") == nil } ?? 0
    return "cache\(number)"
  }()
  private var passes: [PassKind: Pass] = [:]

  /// With `rowCount` the cache has so many rows, and texts name theirs; else text b lies in row b.
  init(
    _ model: any LanguageModel, vocabularySize: Int?, store: VariableStore, capacity: Int,
    rowCount: Int? = nil
  ) {
    self.model = model
    self.store = store
    self.capacity = max(2, min(capacity, model.contextLength))
    drawable = min(
      vocabularySize ?? model.vocabularySize, model.vocabularySize, model.head.weight.shape[0])
    cache = KeyValueCache(capacity: self.capacity, rowCount: rowCount)
    namesRows = rowCount != nil
  }

  /// The pass of a kind, made when it is first needed.
  private func pass(_ kind: PassKind) throws -> Pass {
    if let known = passes[kind] { return known }
    func input(_ name: String, _ shape: Shape) -> Tensor { .input(name, TensorType(shape, .int32)) }
    let (b, count) = (kind.texts, kind.count)
    let tokens = input("tokens", [b, count])
    let positions = input("positions", [b, count])
    let places: Shape = namesRows ? [b, 2] : [b]
    let starts = input("starts", places)
    let lengths = input("lengths", places)
    let last = input("last", [kind.isComplete ? b * count : b])
    let context = AttentionContext(
      in: cache, positions: positions, starts: starts, lengths: lengths)
    let hidden = model.hidden(tokens, context)
    let logits = model.head.logits(
      hidden.reshaped(to: [b * count, hidden.shape[2]]).gathered(last))
    try cache.declare(in: store, prefix: cacheName)
    let executor = try GraphExecutor(
      Graph(outputs: [logits], assignments: context.assignments), on: store)
    let pass = Pass(
      executor: executor, tokens: tokens, positions: positions, starts: starts, lengths: lengths,
      last: last, logits: logits)
    passes[kind] = pass
    return pass
  }

  /// Makes a pass now, so that its time is not counted as reading.
  func prepare(texts: Int, count: Int) throws {
    _ = try pass(PassKind(texts: texts, count: count, isComplete: false))
  }

  /// The number of tokens that a pass for some tokens reads: one of few, so that few graphs are made,
  /// and at most a quarter more.
  static func passLength(_ count: Int) -> Int {
    var power = 1
    while 2 * power <= count { power *= 2 }
    let quarter = max(1, power / 4)
    return (count + quarter - 1) / quarter * quarter
  }

  /// Reads tokens that follow the first `starts` of each text, in one pass over `count` of each, and returns the logits behind the last of
  /// them, a row for each text; or those behind each of the `count` where `isComplete`. Tokens beyond those of a text are padding, whose keys
  /// and values the next ones replace.
  func read(
    _ texts: [ArraySlice<Int32>], after starts: [Int], rows: [Int] = [], _ count: Int,
    isComplete: Bool = false
  ) throws -> [[Float]] {
    let pass = try pass(PassKind(texts: texts.count, count: count, isComplete: isComplete))
    func set(_ input: Tensor, _ numbers: [Int]) throws {
      try pass.executor.set(input, to: TensorData(input.shape, numbers.map { Int32($0) }))
    }
    func placed(_ numbers: [Int]) -> [Int] {
      namesRows ? zip(numbers, rows).flatMap { [$0, $1] } : numbers
    }
    try set(
      pass.tokens,
      texts.flatMap { text in
        text.map { Int($0) } + [Int](repeating: 0, count: count - text.count)
      })
    try set(pass.positions, starts.flatMap { start in (0..<count).map { start + $0 } })
    try set(pass.starts, placed(starts))
    try set(pass.lengths, placed(starts.map { $0 + count }))
    try set(
      pass.last,
      isComplete
        ? Array(0..<texts.count * count)
        : texts.enumerated().map { $0 * count + max($1.count, 1) - 1 })
    try pass.executor.run()
    let logits = try pass.executor.value(of: pass.logits).floats
    guard logits.allSatisfy(\.isFinite) else {
      throw UserError.notFinite("The logits of the next token")
    }
    let width = pass.logits.shape[1]
    return (0..<pass.logits.shape[0]).map { Array(logits[$0 * width..<$0 * width + drawable]) }
  }
}
