// The objectives of language models: text alone, or text and a teacher.
import Base
import Distillation
import Layers
import Models
import Tensors
import Training

/// -log softmax(z)[next token]: training without a teacher.
public struct NextTokenObjective: Objective {
  let model: any LanguageModel
  let classCount: Int?

  /// Rows of the model's table beyond `classCount` are padding.
  public init(_ model: any LanguageModel, classCount: Int? = nil) {
    self.model = model
    self.classCount = classCount
  }

  public var formula: String { "CE = -log softmax(z)[y]" }

  public func loss(_ inputs: Inputs) -> Loss {
    let ce = LinearLoss.crossEntropy(
      hidden: inputs.hidden(model), head: model.head, labels: inputs[.labels],
      classCount: classCount
    ).sum()
    return Loss(total: ce, logged: [("ce", ce)])
  }
}

/// A divergence from teachers, and feature matching with the first: training with a teacher.
public struct DistillationObjective: Objective {
  /// A teacher with its share in the divergence.
  public typealias WeightedTeacher = (teacher: Teacher, weight: Float)

  let student: any LanguageModel
  /// Weights that sum to 1.
  let teachers: [WeightedTeacher]
  /// The divergence, its temperature and its share.
  public let divergence: DivergenceLoss
  private let classCount: Int?
  private let matching: FeatureMatching

  /// One teacher. Rows of the models' tables beyond `classCount` are padding. `matching` needs a teacher
  /// that is a model.
  public init(
    student: any LanguageModel, teacher: Teacher, _ divergence: DivergenceLoss,
    classCount: Int? = nil, matching: FeatureMatching = FeatureMatching()
  ) {
    self.init(
      student: student, teachers: [(teacher, 1)], divergence, classCount: classCount,
      matching: matching)
  }

  /// Several teachers: the divergence is the mean of theirs by weight; `matching` sees the first, which may be a cache.
  public init(
    student: any LanguageModel, teachers: [WeightedTeacher], _ divergence: DivergenceLoss,
    classCount: Int? = nil, matching: FeatureMatching = FeatureMatching()
  ) {
    let sum = teachers.reduce(0) { $0 + $1.weight }
    demand(
      !teachers.isEmpty && teachers.allSatisfy { $0.weight > 0 }, "teachers have positive weights")
    self.student = student
    self.teachers = teachers.map { ($0.teacher, $0.weight / sum) }
    self.divergence = divergence
    self.classCount = classCount
    self.matching = matching
  }

  public var formula: String {
    var formula = divergence.formula
    if teachers.count > 1 {
      let weights = teachers.map { "\($0.weight)" }.joined(separator: ", ")
      formula += ", the mean over \(teachers.count) teachers with weights \(weights)"
    }
    if case .cache(let cache) = teachers[0].teacher {
      switch cache.description.codec {
      case .topK(let count):
        formula += ", over the teacher's \(count) likeliest classes and all others"
      case .hidden8: formula += ", teacher's hidden states in 8 bits"
      case .hidden, .logits: break
      }
    }
    return ([formula] + matching.formulas).joined(separator: " + ")
  }

  public var parameters: [(name: String, tensor: Tensor)] { matching.parameters }

  /// The data with what the loss reads besides tokens and labels: what a cache holds of the teacher.
  package func data(over data: any TokenData) -> any TokenData {
    teachers[0].teacher.data(over: data, temperature: divergence.temperature)
  }

  public func loss(_ inputs: Inputs) -> Loss {
    let (tokens, labels) = (inputs[.tokens], inputs[.labels])
    let context = inputs.attentionContext
    let states = student.hiddenStates(tokens, context)
    var first: Activations?
    let parts = teachers.enumerated().map { index, item -> LinearLoss.Distillation in
      let given: LinearLoss.Teacher
      switch item.teacher {
      case .model(let model):
        let context = inputs.attentionContext
        let own = model.hiddenStates(tokens, context)
        if index == 0 { first = Activations(states: own, heads: context.heads) }
        given = .head(hidden: own[own.count - 1], model.head)
      case .cache, .states: given = item.teacher.distributions(inputs)
      }
      return LinearLoss.distillation(
        student: (states[states.count - 1], student.head), teacher: given, labels: labels,
        divergence.divergence.kind, temperature: divergence.temperature, classCount: classCount)
    }
    func mean(_ value: (LinearLoss.Distillation) -> Tensor) -> Tensor {
      guard parts.count > 1 else { return value(parts[0]) }
      let weighted = zip(parts, teachers).map { value($0) * $1.weight }
      return weighted.dropFirst().reduce(weighted[0]) { $0 + $1 }
    }
    var logged: [(name: String, sum: Tensor)] = []
    if divergence.divergence.kind == .reverseKL {
      let floored = parts.map { $0.floored.sum() }
      logged.append(("floored", floored.dropFirst().reduce(floored[0]) { $0 + $1 }))
    }
    let terms =
      first.map {
        matching.terms(
          student: Activations(states: states, heads: context.heads), teacher: $0,
          inputs.matchedPositions)
      } ?? []
    return divergence.combined(
      crossEntropy: parts[0].crossEntropy, divergence: mean(\.divergence), klAtOne: mean(\.klAtOne),
      logging: logged + terms.map { ($0.name, $0.sum) },
      adding: terms.map { $0.sum * $0.weight })
  }

  /// The student's own cross-entropy, by which a control is measured as well.
  public func validationLoss(_ inputs: Inputs) -> Loss {
    NextTokenObjective(student, classCount: classCount).loss(inputs)
  }
}

extension Inputs {
  /// Positions whose target counts; each sees those before it in its text, and itself.
  var matchedPositions: MatchedPositions {
    let (b, t) = (rowCount, self[.tokens].shape[1])
    /// How far each query stands behind each key, for every query and key.
    func distances(_ shape: Shape) -> Tensor {
      .constant(
        TensorData(shape, (0..<shape.elementCount).map { Float($0 / t % t - $0 % t) }))
    }
    let isHidden: Tensor
    if arePacked {
      let distance = distances([b, t, t])
      let position = self[.positions].reshaped(to: [b, t, 1])
      // Behind the query, or before the beginning of its text.
      isHidden = Tensor.constant(0).isGreater(than: distance).maximum(
        distance.isGreater(than: position))
    } else {
      isHidden = Tensor.constant(0).isGreater(than: distances([t, t]))
    }
    return MatchedPositions(weights: counts.reshaped(to: [b, t, 1]), isHidden: isHidden)
  }
}
