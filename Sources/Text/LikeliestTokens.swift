// The likeliest next tokens, without the logits of all positions at once.
import Models
import Tensors

/// The likeliest class of each row of hidden states, worked out some rows at a time, so that a large vocabulary's logits
/// take little memory.
struct LikeliestTokens {
  /// The logits of a part take about this many bytes.
  private static let partBytes = 64 << 20

  /// The classes, int32, of each part's rows.
  private(set) var tokens: [Tensor] = []
  /// What is asked of each part's logits beside them.
  private(set) var surprises: [Tensor] = []

  /// Of a head's logits of hidden states [..., C], among the first `classCount`; with the negative logarithms of their
  /// probabilities, in nats, if `withSurprises`.
  init(_ hidden: Tensor, _ head: Head, classCount: Int, withSurprises: Bool = false) {
    let rows = hidden.reshaped(to: [hidden.shape.rowCount, hidden.shape.columnCount])
    let size = max(16, Self.partBytes / (4 * max(1, head.weight.shape[0])))
    for first in stride(from: 0, to: rows.shape[0], by: size) {
      let end = min(rows.shape[0], first + size)
      let part = first == 0 && end == rows.shape[0] ? rows : rows.rows(first..<end)
      let logits = head.logits(part).prefix(classCount)
      let best = logits.argMax()
      tokens.append(best)
      if withSurprises { surprises.append(logits.crossEntropy(labels: best)) }
    }
  }

  /// What is known already.
  init(_ tokens: Tensor) { self.tokens = [tokens] }
}

extension Tensor {
  /// Some rows of [R, C].
  fileprivate func rows(_ range: Range<Int>) -> Tensor {
    gathered(.constant(TensorData([range.count], range.map { Int32($0) })))
  }
}
