// Where a teacher's distributions come from.
import Base
import Models
import Tensors
import Training

/// A teacher of a language model: a model beside the student, or what one said earlier.
public enum Teacher {
  case model(any LanguageModel)
  case cache(TeacherCache)

  /// The distributions for tokens [B, T], as the fused loss takes them, and what they read of a batch.
  /// Traps for a temperature that a cache of lists was not made for.
  func distributions(tokens: Tensor, temperature: Float) -> (LinearLoss.Teacher, [BatchInput]) {
    switch self {
    case .model(let model):
      return (.head(hidden: model.hidden(tokens), weight: model.headWeight), [])
    case .cache(let cache): return cache.distributions(tokens: tokens, temperature: temperature)
    }
  }

  /// The likeliest next tokens by `distributions`, int32 [B, T].
  func likeliest(_ distributions: LinearLoss.Teacher, tokens: Tensor, classCount: Int) -> (
    Tensor, [BatchInput]
  ) {
    switch distributions {
    case .head(let hidden, let weight):
      return (hidden.matmul(weight, transposeOther: true).prefix(classCount).argMax(), [])
    case .logits(let logits): return (logits.argMax(), [])
    case .list(let classes, _, _):
      guard case .cache(let cache) = self else { fatal("lists come from caches") }
      return cache.likeliest(tokens: tokens, listed: classes.shape.columnCount)
    }
  }
}

extension Tensor {
  /// The first columns of [..., V].
  func prefix(_ count: Int) -> Tensor {
    count == shape.columnCount ? self : split([count, shape.columnCount - count])[0]
  }
}
