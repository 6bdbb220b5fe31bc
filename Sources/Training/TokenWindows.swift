// Fixed-length pieces of a token stream.
import Tensors

/// Windows of T tokens with their T targets, cut from one stream of ids.
public struct TokenWindows: Sendable {
  public let tokens: [Int32]
  public let length: Int

  /// The number of windows side by side in the stream; each needs one token more than its length.
  public var count: Int { max(0, (tokens.count - 1) / length) }

  public init(_ tokens: [Int32], length: Int) {
    precondition(length > 0, "a window has at least one token")
    self.tokens = tokens
    self.length = length
  }

  /// A batch of rows: tokens [B, T] and the tokens that follow them [B, T]; -1 marks a target that
  /// does not count.
  public struct Batch: Sendable {
    public let tokens: TensorData
    public let labels: TensorData
    /// The number of targets that count.
    public let targetCount: Int
  }

  private func batch(starts: [Int?]) -> Batch {
    var inputs: [Int32] = []
    var labels: [Int32] = []
    for start in starts {
      if let start {
        inputs += tokens[start..<start + length]
        labels += tokens[start + 1...start + length]
      } else {
        inputs += [Int32](repeating: 0, count: length)
        labels += [Int32](repeating: -1, count: length)
      }
    }
    let shape: Shape = [starts.count, length]
    return Batch(
      tokens: TensorData(shape, inputs), labels: TensorData(shape, labels),
      targetCount: labels.count { $0 >= 0 })
  }

  /// The training batch of a step: a function of (seed, step, micro-batch) alone, so that a resumed
  /// run goes on exactly. Each pass over the data has an order and an offset of its own.
  public func trainingBatch(step: Int, micro: Int, microCount: Int, size: Int, seed: UInt64)
    -> Batch
  {
    // With an offset of up to T - 1 tokens, one window fewer fits.
    let usable = max(1, count - 1)
    let first = (step * microCount + micro) * size
    let key: SIMD2 = [UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)]
    let starts = (first..<first + size).map { index -> Int? in
      let stream = UInt32(truncatingIfNeeded: index / usable)
      let place = Philox.permuted(index % usable, of: usable, seed: seed, stream: stream)
      let offset =
        count > 1 ? Int(Philox.block(counter: [stream, 0, 0, 3], key: key)[0]) % length : 0
      return place * length + offset
    }
    return batch(starts: starts)
  }

  /// All windows in order, in batches; the last one is filled up with rows that do not count.
  public func evaluationBatches(size: Int) -> [Batch] {
    stride(from: 0, to: count, by: size).map { first in
      batch(starts: (first..<first + size).map { $0 < count ? $0 * length : nil })
    }
  }
}
