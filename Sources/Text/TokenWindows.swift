// Fixed-length pieces of a token stream.
import Base
import Storage
import Tensors
import Training

/// Windows of T tokens with their T targets, cut from one stream of ids.
public struct TokenWindows: TokenData, Sendable {
  /// The stream.
  public let tokens: [Int32]
  public let length: Int
  /// Tokens from the beginning of a window to that of the next one. Where windows overlap, every target counts once:
  /// where it has the most tokens before it.
  public let stride: Int
  /// Whether each pass over the data cuts it at other places; without, the rows of every pass are those of
  /// the first, as a cache of a teacher needs them.
  public let shifts: Bool
  /// Where the first window begins.
  private var offset = 0
  /// How many windows lie in the stream; each needs one token more than its length.
  public private(set) var count: Int

  public var targetCount: Int { count == 0 ? 0 : length + (count - 1) * stride }

  /// Traps unless windows have at least a token; `stride` is the length where it is not given, and at most that.
  public init(_ tokens: [Int32], length: Int, stride: Int? = nil, shifts: Bool = true) {
    demand(length > 0 && stride ?? 1 > 0, "a window has at least one token")
    self.tokens = tokens
    self.length = length
    self.stride = min(stride ?? length, length)
    self.shifts = shifts
    count = tokens.count > length ? (tokens.count - 1 - length) / self.stride + 1 : 0
  }

  public func batch(of rows: [Int?]) -> Batch {
    var (inputs, labels): ([Int32], [Int32]) = ([], [])
    for row in rows {
      guard let row else {
        inputs += [Int32](repeating: 0, count: length)
        labels += [Int32](repeating: -1, count: length)
        continue
      }
      let start = offset + row * stride
      let seen = row == 0 ? 0 : length - stride
      inputs += tokens[start..<start + length]
      labels += [Int32](repeating: -1, count: seen)
      labels += tokens[start + 1 + seen..<start + 1 + length]
    }
    let shape: Shape = [rows.count, length]
    return Batch(tokens: TensorData(shape, inputs), labels: TensorData(shape, labels))
  }

  public func weight(of rows: [Int?]) -> Int {
    rows.reduce(0) { sum, row in sum + (row.map { $0 == 0 ? length : stride } ?? 0) }
  }

  /// The stream cut at a place that the pass and the seed give.
  public func pass(_ number: Int, seed: UInt64) -> any Dataset {
    guard shifts, count > 1 else { return self }
    let key: SIMD2 = [UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)]
    let counter: SIMD4 = [UInt32(truncatingIfNeeded: number), 0, 0, 3]
    var shifted = self
    shifted.offset = Int(Philox.block(counter: counter, key: key)[0]) % length
    // With an offset of up to T - 1 tokens, one window fewer fits.
    shifted.count = count - 1
    return shifted
  }

  public var fingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("windows of \(length), \(shifts ? "shifted" : "fixed")")
    fingerprint.add(tokens)
    return fingerprint.description
  }
}
