// The objectives of language models: text alone, or text and a teacher.
import Base
import Layers
import Models
import Tensors
import Training

/// -log softmax(z)[next token]: training without a teacher.
public struct NextTokenObjective: Objective {
  let model: any LanguageModel
  let classCount: Int?
  public let readsSpans: Bool

  /// Rows of the model's table beyond `classCount` are padding. `readsSpans` for data whose rows hold several
  /// texts.
  public init(_ model: any LanguageModel, classCount: Int? = nil, readsSpans: Bool = false) {
    self.model = model
    self.classCount = classCount
    self.readsSpans = readsSpans
  }

  public var formula: String { "CE = -log softmax(z)[y]" }

  public func loss(tokens: Tensor, labels: Tensor) -> Loss {
    let texts = readsSpans ? PackedTexts(tokens.shape[0], tokens.shape[1]) : nil
    let ce = LinearLoss.crossEntropy(
      hidden: model.hidden(tokens, texts?.context ?? AttentionContext(wholeSequences: tokens)),
      weight: model.headWeight, labels: labels, classCount: classCount
    ).sum()
    return Loss(total: ce, logged: [("ce", ce)], inputs: texts?.inputs ?? [])
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

  /// A teacher with its share in the divergence.
  public typealias WeightedTeacher = (teacher: Teacher, weight: Float)

  let student: any LanguageModel
  /// Weights that sum to 1.
  let teachers: [WeightedTeacher]
  public let kind: Kind
  public let temperature: Float
  /// The weight of the labels' cross-entropy.
  public let alpha: Float
  private let classCount: Int?
  private let matching: InnerMatching
  public let readsSpans: Bool

  /// One teacher. Rows of the models' tables beyond `classCount` are padding. `matching` needs a teacher
  /// that is a model, and so does `readsSpans`, for data whose rows hold several texts.
  public init(
    student: any LanguageModel, teacher: Teacher, _ kind: Kind, temperature: Float, alpha: Float,
    classCount: Int? = nil, matching: InnerMatching = InnerMatching(), readsSpans: Bool = false
  ) {
    self.init(
      student: student, teachers: [(teacher, 1)], kind, temperature: temperature, alpha: alpha,
      classCount: classCount, matching: matching, readsSpans: readsSpans)
  }

  /// Several teachers: the divergence is the mean of theirs by weight; `matching` sees the first.
  public init(
    student: any LanguageModel, teachers: [WeightedTeacher], _ kind: Kind, temperature: Float,
    alpha: Float, classCount: Int? = nil, matching: InnerMatching = InnerMatching(),
    readsSpans: Bool = false
  ) {
    let sum = teachers.reduce(0) { $0 + $1.weight }
    demand(
      !teachers.isEmpty && teachers.allSatisfy { $0.weight > 0 }, "teachers have positive weights")
    self.student = student
    self.teachers = teachers.map { ($0.teacher, $0.weight / sum) }
    self.kind = kind
    self.temperature = temperature
    self.alpha = alpha
    self.classCount = classCount
    self.matching = matching
    self.readsSpans = readsSpans
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

  public func loss(tokens: Tensor, labels: Tensor) -> Loss {
    let (b, t) = (tokens.shape[0], tokens.shape[1])
    let texts = readsSpans ? PackedTexts(b, t) : nil
    func newContext() -> AttentionContext {
      texts?.context ?? AttentionContext(wholeSequences: tokens)
    }
    let context = newContext()
    let states = student.hiddenStates(tokens, context)
    var inputs = texts?.inputs ?? []
    var firstStates: [Tensor] = []
    let firstContext = newContext()
    let parts = teachers.enumerated().map { index, item -> LinearLoss.Distillation in
      let given: LinearLoss.Teacher
      switch item.teacher {
      case .model(let model):
        let own = model.hiddenStates(
          tokens, index == 0 ? firstContext : newContext())
        if index == 0 { firstStates = own }
        given = .head(hidden: own[own.count - 1], weight: model.headWeight)
      case .cache(let cache):
        demand(!readsSpans, "a cache has rows of one text each")
        let (cached, more) = cache.distributions(tokens: tokens, temperature: temperature)
        given = cached
        inputs += more
      }
      return LinearLoss.distillation(
        student: (states[states.count - 1], student.headWeight), teacher: given, labels: labels,
        divergence.kind, temperature: temperature, classCount: classCount)
    }
    func mean(_ value: (LinearLoss.Distillation) -> Tensor) -> Tensor {
      let weighted = zip(parts, teachers).map { value($0) * $1.weight }
      return weighted.dropFirst().reduce(weighted[0]) { $0 + $1 }
    }
    let isAlone = parts.count == 1
    let term = isAlone ? parts[0].divergence : mean(\.divergence)
    let unitKL = isAlone ? parts[0].unitKL : mean(\.unitKL)
    var extra: [(name: String, sum: Tensor)] = []
    if divergence.kind == .reverseKL {
      let floored = parts.map { $0.floored.sum() }
      extra.append(("floored", floored.dropFirst().reduce(floored[0]) { $0 + $1 }))
    }
    var matched: [Tensor] = []
    if !firstStates.isEmpty {
      let positions = readsSpans ? MatchedPositions.packed(b, t) : .forwards(b, t)
      let terms = matching.terms(
        student: Insides(states: states, heads: context.heads),
        teacher: Insides(states: firstStates, heads: firstContext.heads), positions)
      if !terms.isEmpty { inputs += positions.inputs }
      extra += terms.map { ($0.name, $0.sum) }
      matched = terms.map { $0.sum * $0.weight }
    }
    return combined(parts[0].crossEntropy, term, unitKL, extra, inputs, adding: matched)
  }

  /// The student's own cross-entropy, by which a control is measured as well.
  public func validationLoss(tokens: Tensor, labels: Tensor) -> Loss {
    NextTokenObjective(student, classCount: classCount, readsSpans: readsSpans)
      .loss(tokens: tokens, labels: labels)
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
    _ inputs: [BatchInput], adding more: [Tensor] = []
  ) -> Loss {
    let weight = (1 - alpha) * temperature * temperature * divergence.scale
    let (ce, term) = (ce.sum(), term.sum())
    let total = ce * alpha + term * weight
    return Loss(
      total: more.reduce(total) { $0 + $1 },
      logged: [("ce", ce), ("kl", unitKL.sum()), ("divergence", term)] + extra, inputs: inputs)
  }
}
