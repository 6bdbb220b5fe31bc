// The objectives of language models: text alone, or text and a teacher.
import Models
import Tensors
import Training

/// -log softmax(z)[next token]: training without a teacher.
public struct NextTokenObjective: Objective {
  let model: any LanguageModel

  public init(_ model: any LanguageModel) { self.model = model }

  public var formula: String { "CE = -log softmax(z)[y]" }

  public func loss(tokens: Tensor, labels: Tensor) -> Loss {
    let ce = LinearLoss.crossEntropy(
      hidden: model.hidden(tokens), weight: model.headWeight, labels: labels
    ).sum()
    return Loss(total: ce, logged: [("ce", ce)])
  }
}

/// alpha CE + (1 - alpha) T^2 D(teacher, student): training with a teacher (Hinton et al., arXiv
/// 1503.02531).
public struct DistillationObjective: Objective {
  /// Which divergence of q = softmax(student / T) from p = softmax(teacher / T).
  public enum Kind: Sendable, Hashable {
    case forwardKL
    case reverseKL
    /// Generalized Jensen-Shannon; beta = 0 is the forward and 1 the reverse KL. `isNormalized`
    /// divides by beta (1 - beta), which makes it continuous at both ends.
    case jensenShannon(beta: Float, isNormalized: Bool)
  }

  let student: any LanguageModel
  let teacher: any LanguageModel
  public let kind: Kind
  public let temperature: Float
  /// The weight of the labels' cross-entropy.
  public let alpha: Float

  public init(
    student: any LanguageModel, teacher: any LanguageModel, _ kind: Kind, temperature: Float,
    alpha: Float
  ) {
    self.student = student
    self.teacher = teacher
    self.kind = kind
    self.temperature = temperature
    self.alpha = alpha
  }

  /// The divergence that runs, after the special cases, and what it is multiplied by.
  private var divergence: (kind: Divergence.Kind, scale: Float, name: String) {
    switch kind {
    case .forwardKL, .jensenShannon(beta: 0, _):
      (.forwardKL, 1, "KL(teacher || student) = sum p (log p - log q)")
    case .reverseKL, .jensenShannon(beta: 1, _):
      (.reverseKL, 1, "KL(student || teacher) = sum q (log q - log p)")
    case .jensenShannon(let beta, let isNormalized):
      (
        .jensenShannon(beta: beta), isNormalized ? 1 / (beta * (1 - beta)) : 1,
        "JSD(beta = \(beta))\(isNormalized ? " / (beta (1 - beta))" : "")"
          + " = beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q"
      )
    }
  }

  public var formula: String {
    "\(alpha) CE + \(1 - alpha) * \(temperature)^2 * \(divergence.name), T = \(temperature)"
  }

  public func loss(tokens: Tensor, labels: Tensor) -> Loss {
    let losses = LinearLoss.distillation(
      student: (student.hidden(tokens), student.headWeight),
      teacher: (teacher.hidden(tokens), teacher.headWeight), labels: labels, divergence.kind,
      temperature: temperature)
    return combined(losses.crossEntropy, losses.divergence, losses.unitKL)
  }

  /// The loss of given logits [..., V]. Columns beyond the smaller vocabulary are padding; both
  /// models here have none.
  public func loss(student: Tensor, teacher: Tensor, labels: Tensor) -> Loss {
    precondition(
      student.shape == teacher.shape,
      "the student's logits \(student.shape) and the teacher's \(teacher.shape) differ in shape")
    return combined(
      student.crossEntropy(labels: labels),
      Divergence.between(
        student: student, teacher: teacher, labels: labels, divergence.kind,
        temperature: temperature),
      Divergence.between(
        student: student, teacher: teacher, labels: labels, .forwardKL, temperature: 1))
  }

  /// The mixture of losses per row. KL at T = 1 is logged beside every setting, because it can be
  /// compared across all of them.
  private func combined(_ ce: Tensor, _ term: Tensor, _ unitKL: Tensor) -> Loss {
    let weight = (1 - alpha) * temperature * temperature * divergence.scale
    let ce = ce.sum()
    return Loss(
      total: ce * alpha + term.sum() * weight, logged: [("ce", ce), ("kl", unitKL.sum())])
  }
}
