// What trainers and commands need of a language model.
import Layers
import Tensors

/// A model that predicts the next token.
public protocol LanguageModel: Module {
  var vocabularySize: Int { get }
  /// What the head reads, [B, T, C], for tokens int32 [B, T]; position t sees tokens up to t.
  func hidden(_ tokens: Tensor) -> Tensor
  /// The head's weight [V, C].
  var headWeight: Tensor { get }
}

extension LanguageModel {
  /// Logits [B, T, V] of tokens int32 [B, T].
  public func logits(_ tokens: Tensor) -> Tensor {
    hidden(tokens).matmul(headWeight, transposeOther: true)
  }
}
