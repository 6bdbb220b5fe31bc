// What trainers and commands need of a language model.
import Layers
import Tensors

/// A model that predicts the next token.
public protocol LanguageModel: Module {
  var vocabularySize: Int { get }
  /// Logits [B, T, V] of tokens int32 [B, T]; position t sees tokens up to t.
  func logits(_ tokens: Tensor) -> Tensor
}
