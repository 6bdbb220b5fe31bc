// Rows of tokens with their targets.
import Tensors

/// A batch of rows: tokens [B, T] and the tokens that follow them [B, T]; -1 marks a target that does not
/// count.
public struct TokenBatch: Sendable {
  public let tokens: TensorData
  public let labels: TensorData
  /// Where the text of each position begins, and its last position, [B, T, 2]; nil where rows are one text
  /// each.
  public let spans: TensorData?
  /// The number of targets that count.
  public let targetCount: Int

  public init(tokens: TensorData, labels: TensorData, spans: TensorData? = nil) {
    self.tokens = tokens
    self.labels = labels
    self.spans = spans
    targetCount = labels.integers.count { $0 >= 0 }
  }

  /// The tokens of each row.
  public var rows: [ArraySlice<Int32>] {
    let (ids, length) = (tokens.integers, tokens.shape[1])
    return stride(from: 0, to: ids.count, by: length).map { ids[$0..<$0 + length] }
  }
}

/// What a language model is trained on, or judged by.
public protocol TokenData {
  /// Tokens per row.
  var length: Int { get }
  /// Rows of one pass.
  var count: Int { get }
  /// Targets of one pass that count.
  var targetCount: Int { get }
  /// Whether a row may hold several texts, of which none sees another: its batches have spans.
  var isPacked: Bool { get }

  /// The training batch of a step: a function of (seed, step, micro-batch) and of the weights at that step
  /// alone, so that a resumed run goes on exactly.
  func trainingBatch(step: Int, micro: Int, microCount: Int, size: Int, seed: UInt64) throws
    -> TokenBatch

  /// How many targets of that batch count.
  func trainingTargetCount(step: Int, micro: Int, microCount: Int, size: Int, seed: UInt64) throws
    -> Int

  /// What tells these data from others: a hash of their contents.
  var fingerprint: String { get }

  /// All rows in order, in batches; the last one is filled up with rows that do not count.
  func evaluationBatches(size: Int) -> [TokenBatch]
}

extension TokenData {
  public var isPacked: Bool { false }
}

/// Data whose rows have numbers.
public protocol TextRows: TokenData {
  /// Some rows by number; nil is a row that counts for nothing.
  func batch(_ rows: [Int?]) -> TokenBatch
  /// How many targets of a row count.
  func targetCount(ofRow row: Int) -> Int
}

extension TextRows {
  /// Each pass over the data has an order of its own.
  private func rows(
    ofStep step: Int, _ micro: Int, _ microCount: Int, size: Int, seed: UInt64
  ) -> [Int] {
    let first = (step * microCount + micro) * size
    return (first..<first + size).map { index in
      let stream = UInt32(truncatingIfNeeded: index / count)
      return Philox.permuted(index % count, of: count, seed: seed, stream: stream)
    }
  }

  public func trainingBatch(step: Int, micro: Int, microCount: Int, size: Int, seed: UInt64)
    -> TokenBatch
  {
    batch(rows(ofStep: step, micro, microCount, size: size, seed: seed))
  }

  public func trainingTargetCount(
    step: Int, micro: Int, microCount: Int, size: Int, seed: UInt64
  ) -> Int {
    rows(ofStep: step, micro, microCount, size: size, seed: seed).reduce(0) {
      $0 + targetCount(ofRow: $1)
    }
  }

  public func evaluationBatches(size: Int) -> [TokenBatch] {
    stride(from: 0, to: count, by: size).map { first in
      batch((first..<first + size).map { $0 < count ? $0 : nil })
    }
  }
}
