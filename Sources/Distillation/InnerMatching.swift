// A student whose insides resemble its teacher's: the terms besides those of what models give.
import Layers
import Tensors
import Training

/// What a model's layers gave for a batch: hidden states (the embedding first), and what each
/// layer's attention was given.
struct Insides {
  let states: [Tensor]
  let heads: [AttentionHeads]
}

/// Positions [B, T] of a batch as matching counts them.
struct MatchedPositions {
  /// What each position's term is multiplied by, [B, T, 1].
  let weights: Tensor
  /// What is added to relations [R, B, T, T]: 0 for positions in sight, a large negative number, alike on
  /// both sides, for the others. [T, T], or [B, T, T] where it differs among sequences.
  let mask: Tensor
  let inputs: [BatchInput]

  /// Of texts read forwards: positions with a label count, and see those up to their own.
  static func forwards(_ b: Int, _ t: Int) -> Self {
    let weights = counts(b, t)
    let mask = TensorData([t, t], (0..<t * t).map { $0 % t > $0 / t ? hidden : 0 })
    return Self(weights: weights.tensor, mask: .constant(mask), inputs: [weights])
  }

  /// Of rows of several texts read forwards: the same, within each text.
  static func packed(_ b: Int, _ t: Int) -> Self {
    let mask = BatchInput(.input("sight", TensorType([b, t, t]))) { batch in
      let spans = PackedTexts.spans(of: batch).integers
      return TensorData(
        [b, t, t],
        (0..<b * t).flatMap { place in
          (0..<t).map { $0 > place % t || $0 < Int(spans[2 * place]) ? hidden : 0 }
        })
    }
    let weights = counts(b, t)
    return Self(weights: weights.tensor, mask: mask.tensor, inputs: [weights, mask])
  }

  /// 1 for positions with a label.
  private static func counts(_ b: Int, _ t: Int) -> BatchInput {
    BatchInput(.input("counts", TensorType([b, t, 1]))) { batch in
      TensorData([b, t, 1], batch.labels.integers.map { $0 < 0 ? Float(0) : 1 })
    }
  }

  /// Of sentences read in both directions: each sentence's term is the mean over its tokens, which see
  /// all of them.
  static func sentences(_ b: Int, _ t: Int) -> Self {
    let weights = BatchInput(.input("shares", TensorType([b, t, 1]))) { batch in
      TensorData(
        [b, t, 1],
        SentenceData.sentences(of: batch).flatMap { sentence in
          (0..<t).map { $0 < sentence.count ? 1 / Float(sentence.count) : 0 }
        })
    }
    let mask = BatchInput(.input("sight", TensorType([b, t, t]))) { batch in
      TensorData(
        [b, t, t],
        SentenceData.sentences(of: batch).flatMap { sentence in
          (0..<t * t).map { $0 % t < sentence.count ? 0 : hidden }
        })
    }
    return Self(weights: weights.tensor, mask: mask.tensor, inputs: [weights, mask])
  }

  private static let hidden: Float = -1e9
}

/// The terms of hidden states and relations, either of which may be missing.
public struct InnerMatching {
  public let hidden: HiddenMatching?
  public let relations: RelationMatching?

  public init(hidden: HiddenMatching? = nil, relations: RelationMatching? = nil) {
    self.hidden = hidden
    self.relations = relations
  }

  var formulas: [String] { [hidden?.formula, relations?.formula].compactMap { $0 } }

  /// Weights that are trained with the student and then forgotten.
  var parameters: [(name: String, tensor: Tensor)] { hidden?.parameters ?? [] }

  /// What each term is called, its sum over positions, and its weight.
  func terms(student: Insides, teacher: Insides, _ positions: MatchedPositions) -> [(
    name: String, sum: Tensor, weight: Float
  )] {
    var terms: [(name: String, sum: Tensor, weight: Float)] = []
    if let hidden {
      let sum = hidden.loss(student: student.states, teacher: teacher.states, positions)
      terms.append(("hidden", sum, hidden.weight))
    }
    if let relations {
      let sum = relations.loss(student: student.heads, teacher: teacher.heads, positions)
      terms.append(("relations", sum, relations.weight))
    }
    return terms
  }
}
