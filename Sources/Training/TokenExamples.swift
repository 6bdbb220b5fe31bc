// Texts of which some tokens are learnt, one per row.
import Tensors

/// Texts, each in a row of its own, filled up with positions that do not count.
public struct TokenExamples: TextRows, Sendable {
  /// A text, and which of its tokens a model should predict.
  public struct Example: Sendable, Hashable {
    public var tokens: [Int32]
    public var isTarget: [Bool]

    /// Traps unless there is a flag for each token.
    public init(tokens: [Int32], isTarget: [Bool]) {
      precondition(tokens.count == isTarget.count, "each token is a target or not")
      self.tokens = tokens
      self.isTarget = isTarget
    }
  }

  public let examples: [Example]
  public let length: Int
  /// Texts that lost their end, and texts that were left out because no target was in what fits.
  public let cutCount: Int
  public let droppedCount: Int

  /// Texts of at most `length` tokens and one more; longer ones lose their end.
  public init(_ examples: [Example], length: Int) {
    precondition(length > 0, "a row has at least one token")
    self.length = length
    var (kept, cut, dropped): ([Example], Int, Int) = ([], 0, 0)
    for example in examples {
      var example = example
      if example.tokens.count > length + 1 {
        example.tokens.removeLast(example.tokens.count - length - 1)
        example.isTarget.removeLast(example.isTarget.count - length - 1)
        cut += 1
      }
      if example.isTarget.dropFirst().contains(true) { kept.append(example) } else { dropped += 1 }
    }
    (self.examples, cutCount, droppedCount) = (kept, cut, dropped)
  }

  public var count: Int { examples.count }
  public var targetCount: Int {
    examples.reduce(0) { $0 + $1.isTarget.dropFirst().count { $0 } }
  }

  public func batch(_ numbers: [Int?]) -> TokenBatch {
    let rows = numbers.map { $0.map { examples[$0] } }
    var (tokens, labels): ([Int32], [Int32]) = ([], [])
    for row in rows {
      let inputs = row?.tokens.dropLast() ?? []
      tokens += inputs + [Int32](repeating: 0, count: length - inputs.count)
      let targets =
        row.map { row in
          zip(row.tokens, row.isTarget).dropFirst().map { $1 ? $0 : -1 }
        } ?? []
      labels += targets + [Int32](repeating: -1, count: length - targets.count)
    }
    let shape: Shape = [rows.count, length]
    return TokenBatch(tokens: TensorData(shape, tokens), labels: TensorData(shape, labels))
  }
}
