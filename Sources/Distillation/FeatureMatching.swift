// Feature matching: a student whose hidden states and relations resemble its teacher's.
import Layers
import Tensors

/// What a model's layers gave for a batch: hidden states (the embedding first), and what each
/// layer's attention was given.
package struct Activations {
  package let states: [Tensor]
  package let heads: [AttentionHeads]

  package init(states: [Tensor], heads: [AttentionHeads]) {
    self.states = states
    self.heads = heads
  }
}

/// Positions [B, T] of a batch as matching counts them.
package struct MatchedPositions {
  /// What each position's term is multiplied by, [B, T, 1].
  let weights: Tensor
  /// What is added to relations [R, B, T, T]: 0 for positions in sight, a large negative number, alike on
  /// both sides, for the others. [T, T], or [B, T, T] where it differs among rows.
  let mask: Tensor

  /// `isHidden` is 1 where a query does not see a key, else 0.
  package init(weights: Tensor, isHidden: Tensor) {
    self.weights = weights
    mask = isHidden * -1e9
  }
}

/// The terms of hidden states and relations, either of which may be missing.
public struct FeatureMatching {
  /// The term of hidden states; nil for none.
  public let hidden: HiddenMatching?
  /// The term of relations; nil for none.
  public let relations: RelationMatching?

  /// Either term, both or none.
  public init(hidden: HiddenMatching? = nil, relations: RelationMatching? = nil) {
    self.hidden = hidden
    self.relations = relations
  }

  package var formulas: [String] { [hidden?.formula, relations?.formula].compactMap { $0 } }

  /// Weights that are trained with the student and then forgotten.
  package var parameters: [(name: String, tensor: Tensor)] { hidden?.parameters ?? [] }

  /// What each term is called, its sum over positions, and its weight.
  package func terms(student: Activations, teacher: Activations, _ positions: MatchedPositions)
    -> [(
      name: String, sum: Tensor, weight: Float
    )]
  {
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
