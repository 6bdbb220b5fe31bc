// Rows that hold several texts, as models read them.
import Base
import Layers
import Tensors
import Training

/// What says which texts the rows of a batch hold.
struct PackedTexts {
  private let positions: BatchInput
  private let spans: BatchInput
  var inputs: [BatchInput] { [positions, spans] }

  /// For B rows of T tokens.
  init(_ b: Int, _ t: Int) {
    spans = BatchInput(.input("spans", TensorType([b, t, 2], .int32)), value: Self.spans)
    positions = BatchInput(.input("positions", TensorType([b, t], .int32))) { batch in
      let all = Self.spans(of: batch).integers
      return TensorData([b, t], (0..<b * t).map { Int32($0 % t) - all[2 * $0] })
    }
  }

  static func spans(of batch: TokenBatch) -> TensorData {
    guard let spans = batch.spans else { fatal("a batch of packed rows has spans") }
    return spans
  }

  var context: AttentionContext {
    AttentionContext(positions: positions.tensor, spans: spans.tensor)
  }
}
