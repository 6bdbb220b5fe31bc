// The objectives of sentence encoders: a teacher's vectors, or sentences alone.
import Base
import Layers
import Models
import Tensors
import Training

/// Sentences of a batch as an encoder reads them, made from each batch by a rule.
struct SentenceInputs {
  let tokens: BatchInput
  let lengths: BatchInput
  let mask: BatchInput
  var all: [BatchInput] { [tokens, lengths, mask] }

  /// Inputs for B rows of T tokens: `rows` gives the ids of each row. Rows without ids hold one token.
  init(_ name: String, _ b: Int, _ t: Int, rows: @escaping (TokenBatch) -> [[Int32]]) {
    func full(_ batch: TokenBatch) -> [[Int32]] { rows(batch).map { $0.isEmpty ? [0] : $0 } }
    tokens = BatchInput(.input("\(name).tokens", TensorType([b, t], .int32))) { batch in
      TensorData(
        [b, t], full(batch).flatMap { $0 + [Int32](repeating: 0, count: t - $0.count) })
    }
    lengths = BatchInput(.input("\(name).lengths", TensorType([b], .int32))) { batch in
      TensorData([b], full(batch).map { Int32($0.count) })
    }
    mask = BatchInput(.input("\(name).mask", TensorType([b, t]))) { batch in
      TensorData(
        [b, t], full(batch).flatMap { row in (0..<t).map { $0 < row.count ? Float(1) : 0 } })
    }
  }

  func embeddings(_ encoder: SentenceEncoder) -> Tensor { insides(encoder).embeddings }

  /// Embeddings [B, C], and what they were made from.
  func insides(_ encoder: SentenceEncoder) -> (embeddings: Tensor, insides: Insides) {
    let context = AttentionContext(bothDirections: tokens.tensor, lengths: lengths.tensor)
    let states = encoder.hiddenStates(tokens.tensor, context)
    return (
      encoder.pooled(states[states.count - 1], mask: mask.tensor),
      Insides(states: states, heads: context.heads)
    )
  }
}

/// Makes a student's vectors those of a teacher, and its insides where that is wanted.
public struct EmbeddingObjective: Objective {
  public enum Kind: String, Sendable, Codable, CaseIterable {
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
  public let kind: Kind
  /// From the student's width to the teacher's, where they differ.
  private let projection: Linear?
  private let matching: InnerMatching

  public init(
    student: SentenceEncoder, teacher: SentenceEncoder, _ kind: Kind,
    matching: InnerMatching = InnerMatching()
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

  public var formula: String {
    let s = projection == nil ? "s" : "W s"
    let formula =
      switch kind {
      case .cosine: "1 - cos(\(s), t) of sentence vectors s of the student and t of the teacher"
      case .mse: "|\(s) - t|^2 / C of sentence vectors s of the student and t of the teacher"
      case .margin: "mean over j of ((s_i s_j - mean s_i s) - (t_i t_j - mean t_i t))^2"
      }
    return ([formula] + matching.formulas).joined(separator: " + ")
  }

  public var parameters: [(name: String, tensor: Tensor)] {
    (projection?.parameters(prefix: "projection") ?? []) + matching.parameters
  }

  public func loss(tokens: Tensor, labels: Tensor) -> Loss {
    let (b, t) = (tokens.shape[0], tokens.shape[1])
    let inputs = SentenceInputs("sentences", b, t) { batch in
      SentenceData.sentences(of: batch).map(Array.init)
    }
    let counts = BatchInput(.input("counts", TensorType([b, 1]))) { batch in
      TensorData([b, 1], SentenceData.sentences(of: batch).map { $0.isEmpty ? Float(0) : 1 })
    }
    let (teachers, teacherInsides) = inputs.insides(teacher)
    let (raw, insides) = inputs.insides(student)
    let given = teachers.detached()
    let own = projection?(raw) ?? raw
    var logged: [(name: String, sum: Tensor)] = []
    var cosine: Tensor?
    if own.shape == given.shape {
      cosine = (Self.cosineDistance(own, given) * counts.tensor).sum()
      if let cosine { logged.append(("cosine", cosine)) }
    }
    let total: Tensor
    switch kind {
    case .cosine:
      guard let cosine else { fatal("a projection makes widths equal") }
      total = cosine
    case .mse:
      total = ((own - given) * counts.tensor).sumOfSquares() * (1 / Float(given.shape[1]))
    case .margin:
      func margins(_ x: Tensor) -> Tensor {
        let products = x.matmul(x, transposeOther: true)  // [B, B]
        return products - products.sum(axis: 1).reshaped(to: [b, 1]) * (1 / Float(b))
      }
      total = ((margins(own) - margins(given)) * counts.tensor).sumOfSquares() * (1 / Float(b))
    }
    let positions = MatchedPositions.sentences(b, t)
    let terms = matching.terms(student: insides, teacher: teacherInsides, positions)
    return Loss(
      total: terms.reduce(total) { $0 + $1.sum * $1.weight },
      logged: logged + terms.map { ($0.name, $0.sum) },
      inputs: inputs.all + [counts] + (terms.isEmpty ? [] : positions.inputs))
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
public struct HalvesObjective: Objective {
  private let encoder: SentenceEncoder
  private let temperature: Float = 0.05

  public init(_ encoder: SentenceEncoder) { self.encoder = encoder }

  public var formula: String {
    "-log softmax_j(a_i b_j / \(temperature))[i] of the halves a and b of sentences"
  }

  public func loss(tokens: Tensor, labels: Tensor) -> Loss {
    let (b, t) = (tokens.shape[0], tokens.shape[1])
    func half(_ name: String, _ isFirst: Bool) -> SentenceInputs {
      SentenceInputs(name, b, t) { batch in
        SentenceData.sentences(of: batch).map { Self.half(Array($0), isFirst) }
      }
    }
    let (first, second) = (half("first", true), half("second", false))
    let places = BatchInput(.input("places", TensorType([b], .int32))) { batch in
      TensorData(
        [b], SentenceData.sentences(of: batch).enumerated().map { $1.isEmpty ? -1 : Int32($0) })
    }
    let logits =
      first.embeddings(encoder).matmul(second.embeddings(encoder), transposeOther: true)
      * (1 / temperature)
    let ce = logits.crossEntropy(labels: places.tensor).sum()
    return Loss(
      total: ce, logged: [("ce", ce)], inputs: first.all + second.all + [places])
  }

  /// Half of a sentence between the tokens that begin and end it; the whole where it has fewer than four
  /// others.
  static func half(_ sentence: [Int32], _ isFirst: Bool) -> [Int32] {
    guard sentence.count >= 6 else { return sentence }
    let middle = sentence.count / 2
    return isFirst
      ? Array(sentence[..<middle]) + [sentence[sentence.count - 1]]
      : [sentence[0]] + Array(sentence[middle...])
  }
}
