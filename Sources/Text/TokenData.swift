// Rows of tokens with their targets.
import Layers
import Models
import Tensors
import Training

extension Field {
  /// Ids of tokens, [T] a row.
  public static let tokens = Field("tokens", .int32)
  /// The token that follows each position, [T] a row; -1 marks a target that does not count.
  public static let labels = Field("labels", .int32)
  /// The position of each token in its text, [T] a row. Only rows of several texts have them.
  package static let positions = Field("positions", .int32)
  /// Where the text of each position begins and its last position, [T, 2] a row. Only rows of several texts have them.
  package static let segments = Field("segments", .int32)
}

/// What a language model is trained on, or judged by: rows of tokens and labels.
package protocol TokenData: Dataset {
  /// Tokens per row.
  var length: Int { get }
  /// Targets of one pass that count.
  var targetCount: Int { get }
}

extension TokenData {
  public var unit: String { "tokens" }
  public var fields: [Field: Shape] { [.tokens: [length], .labels: [length]] }
}

extension Batch {
  /// Rows of ids and of labels, int32 [B, T] each.
  public init(tokens: TensorData, labels: TensorData) {
    self.init(
      [.tokens: tokens, .labels: labels], weight: labels.integers.count { $0 >= 0 })
  }

  /// The tokens of each row.
  public var rows: [ArraySlice<Int32>] {
    let (ids, length) = (self[.tokens].integers, self[.tokens].shape[1])
    return stride(from: 0, to: ids.count, by: length).map { ids[$0..<$0 + length] }
  }
}

extension Inputs {
  /// Whether rows hold several texts, of which none sees another.
  var arePacked: Bool { has(.segments) }

  /// How the tokens of rows see each other, read forwards. Every model needs one of its own.
  var attentionContext: AttentionContext {
    arePacked
      ? AttentionContext(positions: self[.positions], segments: self[.segments])
      : AttentionContext(wholeSequences: self[.tokens])
  }

  /// What a model's head reads, [B, T, C].
  func hidden(_ model: any LanguageModel) -> Tensor {
    model.hidden(self[.tokens], attentionContext)
  }

  /// 1 for positions whose target counts, else 0: [B, T].
  var counts: Tensor { self[.labels].isGreater(than: .constant(-0.5)) }
}
