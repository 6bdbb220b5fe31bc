// The objectives of sentence encoders: a teacher's vectors, or sentences alone.
import Base
import Distillation
import Layers
import Models
import Tensors
import Text
import Training

/// Makes a student's vectors those of a teacher, with feature matching where that is wanted.
package struct EmbeddingObjective: Objective {
  package enum Kind: Sendable, CaseIterable {
    /// 1 - cos(s, t)
    case cosine
    /// |s - t|^2 / C
    case mse
    /// The mean over the batch's other sentences j of the square of (s_i s_j - mean_i) - (t_i t_j - mean_i):
    /// how much nearer one is than another, which needs no equal widths (after Hofstätter et al., arXiv
    /// 2010.02666).
    case margin
  }

  private let student: SentenceEncoder
  private let teacher: SentenceEncoder
  package let kind: Kind
  /// From the student's width to the teacher's, where they differ.
  private let projection: Linear?
  private let matching: FeatureMatching

  package init(
    student: SentenceEncoder, teacher: SentenceEncoder, _ kind: Kind,
    matching: FeatureMatching = FeatureMatching()
  ) {
    self.student = student
    self.teacher = teacher
    self.kind = kind
    self.matching = matching
    let (own, other) = (student.width, teacher.width)
    projection =
      own == other || kind == .margin
      ? nil
      : Linear(own, other, hasBias: false, standardDeviation: 1 / Float(own).squareRoot())
  }

  package var formula: String {
    let s = projection == nil ? "s" : "W s"
    let formula =
      switch kind {
      case .cosine: "1 - cos(\(s), t) of sentence vectors s of the student and t of the teacher"
      case .mse: "|\(s) - t|^2 / C of sentence vectors s of the student and t of the teacher"
      case .margin: "mean over j of ((s_i s_j - mean s_i s) - (t_i t_j - mean t_i t))^2"
      }
    return ([formula] + matching.formulas).joined(separator: " + ")
  }

  package var parameters: [(name: String, tensor: Tensor)] {
    (projection?.parameters(prefix: "projection") ?? []) + matching.parameters
  }

  /// An encoder's embeddings [B, C] of a batch, and what they were made from.
  static func activations(_ encoder: SentenceEncoder, _ inputs: Inputs, mask: Tensor) -> (
    embeddings: Tensor, activations: Activations
  ) {
    let tokens = inputs[.tokens]
    let context = AttentionContext(bothDirections: tokens, lengths: inputs[.lengths])
    let states = encoder.hiddenStates(tokens, context)
    return (
      encoder.pooled(states[states.count - 1], mask: mask),
      Activations(states: states, heads: context.heads)
    )
  }

  package func loss(_ inputs: Inputs) -> Loss {
    let (b, t) = (inputs.rowCount, inputs[.tokens].shape[1])
    let counts = inputs[.counts].reshaped(to: [b, 1])
    let mask = SentenceEncoder.mask(lengths: inputs[.lengths], length: t)
    let (teachers, teacherActivations) = Self.activations(teacher, inputs, mask: mask)
    let (raw, activations) = Self.activations(student, inputs, mask: mask)
    let given = teachers.detached()
    let own = projection?(raw) ?? raw
    var logged: [(name: String, sum: Tensor)] = []
    var cosine: Tensor?
    if own.shape == given.shape {
      cosine = (Self.cosineDistance(own, given) * counts).sum()
      if let cosine { logged.append(("cosine", cosine)) }
    }
    let total: Tensor
    switch kind {
    case .cosine:
      guard let cosine else { fatal("a projection makes widths equal") }
      total = cosine
    case .mse:
      total = ((own - given) * counts).sumOfSquares() * (1 / Float(given.shape[1]))
    case .margin:
      func margins(_ x: Tensor) -> Tensor {
        let products = x.matmul(x, transposeOther: true)  // [B, B]
        return products - products.sum(axis: 1).reshaped(to: [b, 1]) * (1 / Float(b))
      }
      total = ((margins(own) - margins(given)) * counts).sumOfSquares() * (1 / Float(b))
    }
    let terms = matching.terms(
      student: activations, teacher: teacherActivations,
      Self.positions(lengths: inputs[.lengths], counts: counts, mask: mask))
    return Loss(
      total: terms.reduce(total) { $0 + $1.sum * $1.weight },
      logged: logged + terms.map { ($0.name, $0.sum) })
  }

  /// Each sentence's term is the mean over its tokens, which see all of them.
  static func positions(lengths: Tensor, counts: Tensor, mask: Tensor) -> MatchedPositions {
    let (b, t) = (mask.shape[0], mask.shape[1])
    let keys = TensorData([b, t, t], (0..<b * t * t).map { Float($0 % t) + 0.5 })
    let shares = mask * counts / lengths.reshaped(to: [b, 1])
    return MatchedPositions(
      weights: shares.reshaped(to: [b, t, 1]),
      isHidden: Tensor.constant(keys).isGreater(than: lengths.reshaped(to: [b, 1, 1])))
  }

  /// 1 - cos of the rows of two matrices [B, C]: [B, 1].
  static func cosineDistance(_ a: Tensor, _ b: Tensor) -> Tensor {
    func column(_ x: Tensor) -> Tensor { x.sum(axis: 1).reshaped(to: [a.shape[0], 1]) }
    let lengths = (column(a * a) * column(b * b)).maximum(.constant(1e-24)).squareRoot()
    return column(a * b) / lengths * -1 + 1
  }
}

/// Finds the other half of a sentence among those of a batch: what a student can learn from sentences
/// without a teacher (the independent crops of Izacard et al., arXiv 2112.09118, with halves for crops).
package struct HalvesObjective: Objective {
  private let encoder: SentenceEncoder
  private let temperature: Float = 0.05

  package init(_ encoder: SentenceEncoder) { self.encoder = encoder }

  package var formula: String {
    "-log softmax_j(a_i b_j / \(temperature))[i] of the halves a and b of sentences"
  }

  package func loss(_ inputs: Inputs) -> Loss {
    let first = encoder(inputs[.firstTokens], lengths: inputs[.firstLengths])
    let second = encoder(inputs[.secondTokens], lengths: inputs[.secondLengths])
    let logits = first.matmul(second, transposeOther: true) * (1 / temperature)
    let ce = logits.crossEntropy(labels: inputs[.places]).sum()
    return Loss(total: ce, logged: [("ce", ce)])
  }
}
