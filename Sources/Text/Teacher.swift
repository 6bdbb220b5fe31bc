// Where a teacher's distributions come from.
import Base
import Models
import Tensors
import Training

/// A teacher of a language model: a model beside the student, or what one said before.
public enum Teacher {
  /// A model, whose weights are in the store of the training.
  case model(any LanguageModel)
  /// What `retort cache` kept of one.
  case cache(TeacherCache)
  /// What a model, whose head is in the store, said of the very rows that are read.
  case states(States)

  /// The data with what a loss reads of the teacher at a temperature.
  package func data(over data: any TokenData, temperature: Float) -> any TokenData {
    switch self {
    case .model: data
    case .cache(let cache): CachedTeacherData(data, cache, temperature: temperature)
    case .states(let states): DataWithStates(data, states)
    }
  }

  /// The distributions for the tokens of a batch, as the fused loss takes them.
  func distributions(_ inputs: Inputs) -> LinearLoss.Teacher {
    switch self {
    case .model(let model): .head(hidden: inputs.hidden(model), model.head)
    case .cache(let cache): cache.distributions(inputs)
    case .states(let states): .head(hidden: inputs[.teacherHidden], states.head)
    }
  }

  /// The likeliest next tokens by `distributions`, int32 [B, T].
  func likeliest(_ distributions: LinearLoss.Teacher, _ inputs: Inputs, classCount: Int) -> Tensor {
    if inputs.has(.teacherBest) { return inputs[.teacherBest] }
    return switch distributions {
    case .head(let hidden, let head):
      LinearArgMax.likeliest(hidden: hidden, head: head, classCount: classCount).classes
    case .logits(let logits): logits.argMax()
    case .list: fatal("a list comes with its likeliest class")
    }
  }
}

extension Tensor {
  /// The first columns of [..., V].
  func prefix(_ count: Int) -> Tensor {
    count == shape.columnCount ? self : split([count, shape.columnCount - count])[0]
  }
}
