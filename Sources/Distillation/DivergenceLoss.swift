// What holds a student's distribution against its teachers'.
import Tensors
import Training

/// alpha CE + (1 - alpha) T^2 D(teacher, student) of labels and distributions over classes (Hinton et al., arXiv
/// 1503.02531).
public struct DivergenceLoss: Sendable, Hashable {
  /// Which divergence of q = softmax(student / T) from p = softmax(teacher / T).
  public enum Kind: Sendable, Hashable {
    /// KL(teacher || student), which asks the student to cover all that the teacher finds likely (Hinton et al., arXiv 1503.02531).
    case forwardKL
    /// KL(student || teacher), which asks it to say nothing that the teacher finds unlikely (Gu et al., arXiv 2306.08543).
    case reverseKL
    /// Generalized Jensen-Shannon; beta = 0 is the forward and 1 the reverse KL. `isNormalized`
    /// divides by beta (1 - beta), which makes it continuous at both ends.
    case jensenShannon(beta: Float, isNormalized: Bool)
    /// Skewed by a share of the other distribution; 0 is the plain divergence.
    case skewKL(Float)
    /// KL(student || (1 - a) teacher + a student) (Ko et al., arXiv 2402.03898).
    case skewReverseKL(Float)
    /// Half the sum of |p - q|.
    case totalVariation
  }

  /// Which divergence.
  public let kind: Kind
  /// T, by which both sides' logits are divided in D.
  public let temperature: Float
  /// The weight of the labels' cross-entropy.
  public let alpha: Float

  /// A divergence at a temperature above 0; `alpha` in [0, 1] is the share of the labels' cross-entropy.
  public init(_ kind: Kind, temperature: Float, alpha: Float) {
    self.kind = kind
    self.temperature = temperature
    self.alpha = alpha
  }

  /// The divergence that runs, after the special cases, and what it is multiplied by.
  package var divergence: (kind: Divergence.Kind, scale: Float, name: String) {
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

  /// The formula as a run prints it.
  public var formula: String {
    "\(alpha) CE + \(1 - alpha) * \(temperature)^2 * \(divergence.name), T = \(temperature)"
  }

  /// The loss of given logits [..., V]; labels int32 [...].
  public func loss(student: Tensor, teacher: Tensor, labels: Tensor) -> Loss {
    combined(
      crossEntropy: student.crossEntropy(labels: labels),
      divergence: Divergence.between(
        student: student, teacher: teacher, labels: labels, divergence.kind,
        temperature: temperature),
      klAtOne: Divergence.between(
        student: student, teacher: teacher, labels: labels, .forwardKL, temperature: 1))
  }

  /// The mixture of losses per row; `matched` are terms that are added as they are. KL at T = 1 is logged beside every
  /// setting, because it can be compared across all of them.
  package func combined(
    crossEntropy: Tensor, divergence term: Tensor, klAtOne: Tensor,
    logging more: [(name: String, sum: Tensor)] = [], adding matched: [Tensor] = []
  ) -> Loss {
    let weight = (1 - alpha) * temperature * temperature * divergence.scale
    let (ce, term) = (crossEntropy.sum(), term.sum())
    let total = ce * alpha + term * weight
    return Loss(
      total: matched.reduce(total) { $0 + $1 },
      logged: [("ce", ce), ("kl", klAtOne.sum()), ("divergence", term)] + more)
  }
}
