// Rows that the student writes itself, for its teacher to judge (Agarwal et al., arXiv 2306.13649).
import Models
import Tensors
import Training

/// The rows of some data, of which each is with probability lambda continued by the student in place of the
/// data. What the student drew counts, its prompt does not; no gradient flows through the draws. Which rows
/// are drawn, and what, follows from seed, step and weights alone, so that a resumed run goes on exactly.
public final class OnPolicyData: TokenData {
  public struct Options: Sendable, Hashable {
    /// The probability of a row to be the student's.
    public var lambda = 0.0
    /// That of the draws; the loss has its own.
    public var temperature: Float = 1
    /// The share of a row of plain text that is its prompt; of completions the prompt is their own.
    public var promptShare = 0.25

    public init() {}
  }

  private let base: any TokenData
  private let options: Options
  private let generator: Generator
  private let end: Int32
  /// Batches of a step that were drawn and not yet trained on, by micro-batch.
  private var drawn: [Int: TokenBatch] = [:]
  private var drawnStep = -1

  /// The student's variables are in `store`; `batchSize` rows are asked for at once.
  public init(
    _ base: any TokenData, student: any LanguageModel, classCount: Int, end: Int32,
    store: VariableStore, batchSize: Int, _ options: Options
  ) {
    self.base = base
    self.options = options
    self.end = end
    generator = Generator(
      student, vocabularySize: classCount, store: store, batchSize: batchSize,
      capacity: base.length + 1)
  }

  public var length: Int { base.length }
  public var count: Int { base.count }
  public var targetCount: Int { base.targetCount }
  public var isPacked: Bool { base.isPacked }
  public func evaluationBatches(size: Int) -> [TokenBatch] { base.evaluationBatches(size: size) }

  public var fingerprint: String { "\(options) over \(base.fingerprint)" }

  /// Rows are drawn once, although they are asked for twice: to count their targets, and to train on them.
  public func trainingBatch(step: Int, micro: Int, microCount: Int, size: Int, seed: UInt64) throws
    -> TokenBatch
  {
    if let known = drawn[micro], drawnStep == step {
      drawn[micro] = nil
      return known
    }
    if drawnStep != step { (drawnStep, drawn) = (step, [:]) }
    return try draw(step: step, micro: micro, microCount: microCount, size: size, seed: seed)
  }

  public func trainingTargetCount(
    step: Int, micro: Int, microCount: Int, size: Int, seed: UInt64
  ) throws -> Int {
    if drawnStep != step { (drawnStep, drawn) = (step, [:]) }
    let batch = try draw(step: step, micro: micro, microCount: microCount, size: size, seed: seed)
    drawn[micro] = batch
    return batch.targetCount
  }

  private func draw(step: Int, micro: Int, microCount: Int, size: Int, seed: UInt64) throws
    -> TokenBatch
  {
    let batch = try base.trainingBatch(
      step: step, micro: micro, microCount: microCount, size: size, seed: seed)
    let key: SIMD2 = [UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)]
    let first = (step * microCount + micro) * size
    let own = (0..<size).filter { row in
      let words = Philox.block(
        counter: [UInt32(truncatingIfNeeded: first + row), 0, 0, 5], key: key)
      return Double(Philox.uniform(words[0])) < options.lambda
    }
    guard !own.isEmpty else { return batch }
    let (rows, labels) = (batch.rows, batch.labels.integers)
    let prompts = own.map { row in
      Array(rows[row].prefix(promptLength(labels[row * length..<(row + 1) * length])))
    }
    var sampling = Sampling()
    sampling.temperature = options.temperature
    sampling.seed = Philox.block(counter: [UInt32(truncatingIfNeeded: step), 0, 0, 6], key: key)[0]
    // A row has room for `length` tokens and the target of the last one.
    let new = try generator.generate(
      prompts, count: length + 1 - (prompts.map(\.count).min() ?? 1), sampling: sampling,
      ends: [end], firstRow: micro * size)
    var (tokens, targets) = (batch.tokens.integers, labels)
    for ((row, prompt), continuation) in zip(zip(own, prompts), new) {
      // The decision to stop is judged as well.
      let whole = (prompt + continuation + [end]).prefix(length + 1)
      for place in 0..<length {
        let index = row * length + place
        tokens[index] = place < whole.count - 1 ? whole[place] : 0
        targets[index] =
          place >= prompt.count - 1 && place + 1 < whole.count ? whole[place + 1] : -1
      }
    }
    return TokenBatch(
      tokens: TensorData(batch.tokens.shape, tokens),
      labels: TensorData(batch.labels.shape, targets))
  }

  /// What stands before the first target; of rows that are targets throughout, a share.
  private func promptLength(_ labels: ArraySlice<Int32>) -> Int {
    let before = labels.prefix { $0 < 0 }.count
    if before == labels.count { return 1 }
    return before > 0 ? before + 1 : max(1, Int(Double(length) * options.promptShare))
  }
}
