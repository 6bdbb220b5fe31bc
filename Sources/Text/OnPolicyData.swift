// Rows that the student writes itself, for its teacher to judge (Agarwal et al., arXiv 2306.13649).
import Models
import Tensors
import Training

/// The rows of some data, of which each is with probability lambda continued by the student in place of the
/// data. What the student drew counts, its prompt does not; no gradient flows through the draws. Which rows
/// are drawn, and what, follows from seed, step and weights alone, so that a resumed run goes on exactly.
package final class OnPolicyData: TokenData {
  package struct Options: Sendable, Hashable {
    /// The probability of a row to be the student's.
    package var lambda = 0.0
    /// That of the draws; the loss has its own.
    package var temperature: Float = 1
    /// The share of a row of plain text that is its prompt; of completions the prompt is their own.
    package var promptShare = 0.25

    package init() {}
  }

  private let base: any TokenData
  private let options: Options
  private let generator: Generator
  private let end: Int32
  /// Batches of the latest step that were drawn and not yet trained on.
  private var drawn: [TrainingPlace: Batch] = [:]

  /// The student's variables are in `store`; `batchSize` rows are asked for at once.
  package init(
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

  package var length: Int { base.length }
  package var count: Int { base.count }
  package var targetCount: Int { base.targetCount }
  package var fields: [Field: Shape] { base.fields }
  package func batch(of rows: [Int?]) throws -> Batch { try base.batch(of: rows) }
  package func weight(of rows: [Int?]) throws -> Int { try base.weight(of: rows) }

  package var fingerprint: String { "\(options) over \(base.fingerprint)" }

  /// Rows are drawn once, although they may be asked for twice: to count their targets, and to train on them.
  package func batch(at place: TrainingPlace) throws -> Batch {
    try drawn.removeValue(forKey: place) ?? draw(place)
  }

  package func weight(at place: TrainingPlace) throws -> Int {
    drawn = drawn.filter { $0.key.step == place.step }
    let batch = try draw(place)
    drawn[place] = batch
    return batch.weight
  }

  private func draw(_ place: TrainingPlace) throws -> Batch {
    let batch = try base.batch(at: place)
    let (size, seed) = (place.rowCount, place.seed)
    let key: SIMD2 = [UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)]
    let own = (0..<size).filter { row in
      let words = Philox.block(
        counter: [UInt32(truncatingIfNeeded: place.firstRow + row), 0, 0, 5], key: key)
      return Double(Philox.uniform(words[0])) < options.lambda
    }
    guard !own.isEmpty else { return batch }
    let (rows, labels) = (batch.rows, batch[.labels].integers)
    let prompts = own.map { row in
      Array(rows[row].prefix(promptLength(labels[row * length..<(row + 1) * length])))
    }
    var sampling = Sampling()
    sampling.temperature = options.temperature
    sampling.seed =
      Philox.block(counter: [UInt32(truncatingIfNeeded: place.step), 0, 0, 6], key: key)[0]
    // A row has room for `length` tokens and the target of the last one.
    let new = try generator.generate(
      prompts, count: length + 1 - (prompts.map(\.count).min() ?? 1), sampling: sampling,
      ends: [end], firstRow: place.microBatch * size)
    var (tokens, targets) = (batch[.tokens].integers, labels)
    for ((row, prompt), continuation) in zip(zip(own, prompts), new) {
      // The decision to stop is judged as well.
      let whole = (prompt + continuation + [end]).prefix(length + 1)
      for position in 0..<length {
        let index = row * length + position
        tokens[index] = position < whole.count - 1 ? whole[position] : 0
        targets[index] =
          position >= prompt.count - 1 && position + 1 < whole.count ? whole[position + 1] : -1
      }
    }
    return Batch(
      tokens: TensorData(batch[.tokens].shape, tokens),
      labels: TensorData(batch[.labels].shape, targets))
  }

  /// What stands before the first target; of rows that are targets throughout, a share.
  private func promptLength(_ labels: ArraySlice<Int32>) -> Int {
    let before = labels.prefix { $0 < 0 }.count
    if before == labels.count { return 1 }
    return before > 0 ? before + 1 : max(1, Int(Double(length) * options.promptShare))
  }
}
