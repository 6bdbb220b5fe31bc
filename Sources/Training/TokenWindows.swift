// Fixed-length pieces of a token stream.
import Base
import Storage
import Tensors

/// Windows of T tokens with their T targets, cut from one stream of ids.
public struct TokenWindows: TokenData, Sendable {
  public let tokens: [Int32]
  public let length: Int
  /// Whether each pass over the data cuts it at other places; without, the rows of every pass are those of
  /// the first, as a cache of a teacher needs them.
  public let shifts: Bool

  /// The number of windows side by side in the stream; each needs one token more than its length.
  public var count: Int { max(0, (tokens.count - 1) / length) }
  public var targetCount: Int { count * length }

  public init(_ tokens: [Int32], length: Int, shifts: Bool = true) {
    demand(length > 0, "a window has at least one token")
    self.tokens = tokens
    self.length = length
    self.shifts = shifts
  }

  /// Rows that begin at `starts`; the targets of tokens before `counted` of a row do not count, and
  /// neither does any of a row without a start.
  private func batch(starts: [(start: Int, counted: Int)?]) -> TokenBatch {
    var inputs: [Int32] = []
    var labels: [Int32] = []
    for start in starts {
      if let (start, counted) = start {
        inputs += tokens[start..<start + length]
        labels += [Int32](repeating: -1, count: counted)
        labels += tokens[start + 1 + counted..<start + 1 + length]
      } else {
        inputs += [Int32](repeating: 0, count: length)
        labels += [Int32](repeating: -1, count: length)
      }
    }
    let shape: Shape = [starts.count, length]
    return TokenBatch(tokens: TensorData(shape, inputs), labels: TensorData(shape, labels))
  }

  /// Each pass over the data has an order of its own.
  public func trainingBatch(step: Int, micro: Int, microCount: Int, size: Int, seed: UInt64)
    -> TokenBatch
  {
    // With an offset of up to T - 1 tokens, one window fewer fits.
    let usable = shifts ? max(1, count - 1) : count
    let first = (step * microCount + micro) * size
    let key: SIMD2 = [UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)]
    let starts = (first..<first + size).map { index -> (start: Int, counted: Int)? in
      let stream = UInt32(truncatingIfNeeded: index / usable)
      let place = Philox.permuted(index % usable, of: usable, seed: seed, stream: stream)
      let offset =
        shifts && count > 1
        ? Int(Philox.block(counter: [stream, 0, 0, 3], key: key)[0]) % length : 0
      return (place * length + offset, 0)
    }
    return batch(starts: starts)
  }

  public func trainingTargetCount(
    step: Int, micro: Int, microCount: Int, size: Int, seed: UInt64
  ) -> Int { size * length }

  public var fingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("windows of \(length), \(shifts ? "shifted" : "fixed")")
    fingerprint.add(tokens)
    return fingerprint.description
  }

  public func evaluationBatches(size: Int) -> [TokenBatch] {
    evaluationBatches(size: size, stride: length)
  }

  /// With a `stride` below their length windows overlap, and every target counts once: where it has the
  /// most tokens before it.
  public func evaluationBatches(size: Int, stride: Int) -> [TokenBatch] {
    let step = min(stride, length)
    let starts = Swift.stride(from: 0, through: tokens.count - 1 - length, by: step).map { start in
      (start: start, counted: start == 0 ? 0 : length - step)
    }
    return Swift.stride(from: 0, to: starts.count, by: size).map { first in
      batch(starts: (first..<first + size).map { $0 < starts.count ? starts[$0] : nil })
    }
  }
}
