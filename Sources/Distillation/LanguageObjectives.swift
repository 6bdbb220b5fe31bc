// The objectives of language models: text alone, or text and a teacher.
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

  public func loss(tokens: Tensor, labels: Tensor) -> Loss {
    let ce = LinearLoss.crossEntropy(
      hidden: model.hidden(tokens), weight: model.headWeight, labels: labels,
      classCount: classCount
    ).sum()
    return Loss(total: ce, logged: [("ce", ce)])
  }
}

/// alpha CE + (1 - alpha) T^2 D(teacher, student), and what matches of the models' insides: training with
/// a teacher (Hinton et al., arXiv 1503.02531).
public struct DistillationObjective: Objective {
  /// Which divergence of q = softmax(student / T) from p = softmax(teacher / T).
  public enum Kind: Sendable, Hashable {
    case forwardKL
    case reverseKL
    /// Generalized Jensen-Shannon; beta = 0 is the forward and 1 the reverse KL. `isNormalized`
    /// divides by beta (1 - beta), which makes it continuous at both ends.
    case jensenShannon(beta: Float, isNormalized: Bool)
    /// Skewed by a share of the other distribution; 0 is the plain divergence.
    case skewKL(Float)
    case skewReverseKL(Float)
    case totalVariation
  }

  let student: any LanguageModel
  let teacher: Teacher
  public let kind: Kind
  public let temperature: Float
  /// The weight of the labels' cross-entropy.
  public let alpha: Float
  private let classCount: Int?
  private let matching: HiddenMatching?

  /// Rows of the models' tables beyond `classCount` are padding. `matching` needs a teacher that is a
  /// model.
  public init(
    student: any LanguageModel, teacher: Teacher, _ kind: Kind, temperature: Float, alpha: Float,
    classCount: Int? = nil, matching: HiddenMatching? = nil
  ) {
    self.student = student
    self.teacher = teacher
    self.kind = kind
    self.temperature = temperature
    self.alpha = alpha
    self.classCount = classCount
    self.matching = matching
  }

  /// The divergence that runs, after the special cases, and what it is multiplied by.
  private var divergence: (kind: Divergence.Kind, scale: Float, name: String) {
    switch kind {
    case .forwardKL, .jensenShannon(beta: 0, _), .skewKL(0):
      (.forwardKL, 1, "KL(teacher || student) = sum p (log p - log q)")
    case .reverseKL, .jensenShannon(beta: 1, _), .skewReverseKL(0):
      (.reverseKL, 1, "KL(student || teacher) = sum q (log q - log p)")
    case .jensenShannon(let beta, let isNormalized):
      (
        .jensenShannon(beta: beta), isNormalized ? 1 / (beta * (1 - beta)) : 1,
        "JSD(beta = \(beta))\(isNormalized ? " / (beta (1 - beta))" : "")"
          + " = beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q"
      )
    case .skewKL(let a):
      (.skewKL(a), 1, "skew KL = KL(p || \(a) p + \(1 - a) q)")
    case .skewReverseKL(let a):
      (.skewReverseKL(a), 1, "skew reverse KL = KL(q || \(1 - a) p + \(a) q)")
    case .totalVariation: (.totalVariation, 1, "TV = 1/2 sum |p - q|")
    }
  }

  public var formula: String {
    var formula =
      "\(alpha) CE + \(1 - alpha) * \(temperature)^2 * \(divergence.name), T = \(temperature)"
    if case .cache(let cache) = teacher {
      switch cache.description.codec {
      case .topK(let count):
        formula += ", over the teacher's \(count) likeliest classes and all others"
      case .hidden8: formula += ", teacher's hidden states in 8 bits"
      case .hidden, .logits: break
      }
    }
    return formula + (matching.map { " + \($0.formula)" } ?? "")
  }

  public var parameters: [(name: String, tensor: Tensor)] { matching?.parameters ?? [] }

  public func loss(tokens: Tensor, labels: Tensor) -> Loss {
    let given: LinearLoss.Teacher
    var inputs: [BatchInput] = []
    var teacherStates: [Tensor] = []
    switch teacher {
    case .model(let model):
      teacherStates = model.hiddenStates(tokens, .init(wholeSequences: tokens))
      given = .head(hidden: teacherStates[teacherStates.count - 1], weight: model.headWeight)
    case .cache(let cache):
      (given, inputs) = cache.distributions(tokens: tokens, temperature: temperature)
    }
    let states = student.hiddenStates(tokens, .init(wholeSequences: tokens))
    let losses = LinearLoss.distillation(
      student: (states[states.count - 1], student.headWeight), teacher: given, labels: labels,
      divergence.kind, temperature: temperature, classCount: classCount)
    var extra: [(name: String, sum: Tensor)] = []
    if divergence.kind == .reverseKL { extra.append(("floored", losses.floored.sum())) }
    guard let matching, !teacherStates.isEmpty else {
      return combined(losses.crossEntropy, losses.divergence, losses.unitKL, extra, inputs)
    }
    let match = matching.loss(student: states, teacher: teacherStates)
    return combined(
      losses.crossEntropy, losses.divergence, losses.unitKL, extra + [("hidden", match.sum)],
      inputs + [match.mask], adding: match.sum * matching.weight)
  }

  /// The loss of given logits [..., V], of which the first `classCount` are classes.
  public func loss(student: Tensor, teacher: Tensor, labels: Tensor) -> Loss {
    let count = classCount ?? min(student.shape.columnCount, teacher.shape.columnCount)
    let (student, teacher) = (student.prefix(count), teacher.prefix(count))
    return combined(
      student.crossEntropy(labels: labels),
      Divergence.between(
        student: student, teacher: teacher, labels: labels, divergence.kind,
        temperature: temperature),
      Divergence.between(
        student: student, teacher: teacher, labels: labels, .forwardKL, temperature: 1), [], [])
  }

  /// The mixture of losses per row. KL at T = 1 is logged beside every setting, because it can be
  /// compared across all of them.
  private func combined(
    _ ce: Tensor, _ term: Tensor, _ unitKL: Tensor, _ extra: [(name: String, sum: Tensor)],
    _ inputs: [BatchInput], adding more: Tensor? = nil
  ) -> Loss {
    let weight = (1 - alpha) * temperature * temperature * divergence.scale
    let (ce, term) = (ce.sum(), term.sum())
    let total = ce * alpha + term * weight
    return Loss(
      total: more.map { total + $0 } ?? total,
      logged: [("ce", ce), ("kl", unitKL.sum()), ("divergence", term)] + extra, inputs: inputs)
  }
}
