// A student whose hidden states resemble its teacher's (Jiao et al., arXiv 1909.10351).
import Layers
import Tensors

/// weight * sum over pairs of layers of the mean square of (W h_student - h_teacher) over the width, for
/// every position that counts. W is trained with the student and then forgotten; widths that are equal have
/// none.
public struct HiddenMatching {
  /// What the term is multiplied by.
  public let weight: Float
  /// Numbers of hidden states: 0 is the embedding, n what layer n gives.
  public let pairs: [(student: Int, teacher: Int)]
  private let projections: [Linear?]
  private let widths: (student: Int, teacher: Int)

  /// Pairs of layers, 0 for the embedding, and the widths of both models' states.
  public init(
    weight: Float, pairs: [(student: Int, teacher: Int)], widths: (student: Int, teacher: Int)
  ) {
    self.weight = weight
    self.pairs = pairs
    self.widths = widths
    projections = pairs.map { _ in
      widths.student == widths.teacher
        ? nil
        : Linear(
          widths.student, widths.teacher, hasBias: false,
          standardDeviation: 1 / Float(widths.student).squareRoot())
    }
  }

  package var formula: String {
    let map = pairs.map { "\($0.student)-\($0.teacher)" }.joined(separator: ", ")
    let w = widths.student == widths.teacher ? "h" : "W h"
    return "\(weight) * sum over layers \(map) of mean (\(w)_student - h_teacher)^2"
  }

  /// The projections' weights.
  package var parameters: [(name: String, tensor: Tensor)] {
    projections.enumerated().flatMap { index, projection in
      projection?.parameters(prefix: "projection.\(index)") ?? []
    }
  }

  /// The sum over positions that count, without the weight.
  func loss(student: [Tensor], teacher: [Tensor], _ positions: MatchedPositions) -> Tensor {
    let terms = zip(pairs, projections).map { pair, projection -> Tensor in
      let own = student[pair.student]
      let difference = (projection?(own) ?? own) - teacher[pair.teacher].detached()
      return (difference * difference * positions.weights).sum() * (1 / Float(widths.teacher))
    }
    return terms.dropFirst().reduce(terms[0]) { $0 + $1 }
  }
}
