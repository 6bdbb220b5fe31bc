// A student whose positions relate to each other as its teacher's do (Wang et al., arXiv 2012.15828).
import Layers
import Tensors

/// weight * the mean over queries, keys and values and over R relation heads of
/// KL(softmax(t_i t / sqrt(d)) || softmax(s_i s / sqrt(d))), for every position i that counts, over positions
/// that it sees. Vectors of a layer are cut into R parts of d numbers anew, so that widths and numbers of heads
/// may differ.
public struct RelationMatching {
  /// What the term is multiplied by.
  public let weight: Float
  /// How many heads queries, keys and values are cut into, the same for both models.
  public let headCount: Int
  /// Numbers of layers, from 0.
  public let layers: (student: Int, teacher: Int)

  /// A layer of each model, counted from 0.
  public init(weight: Float, headCount: Int, layers: (student: Int, teacher: Int)) {
    self.weight = weight
    self.headCount = headCount
    self.layers = layers
  }

  package var formula: String {
    "\(weight) * mean over Q, K, V and \(headCount) heads of KL(relations of teacher layer "
      + "\(layers.teacher) || student layer \(layers.student))"
  }

  /// Whether vectors of a layer can be cut into the relation heads.
  package func fits(_ heads: AttentionHeads) -> Bool {
    heads.all.allSatisfy { ($0.shape[2] * $0.shape[3]) % headCount == 0 }
  }

  /// The sum over positions that count, without the weight, from what all layers were given.
  func loss(student: [AttentionHeads], teacher: [AttentionHeads], _ positions: MatchedPositions)
    -> Tensor
  {
    let (own, given) = (student[layers.student], teacher[layers.teacher])
    let (b, t, r) = (own.queries.shape[0], own.queries.shape[1], headCount)
    func relations(_ x: Tensor) -> Tensor {
      let width = x.shape[2] * x.shape[3]
      let parts = x.reshaped(to: [b, t, r, width / r]).transposed(1, 2).transposed(0, 1)
      let scale = 1 / Float(width / r).squareRoot()
      return parts.matmul(parts, transposeOther: true) * scale + positions.mask
    }
    let all = Tensor.constant(TensorData(zeros: TensorType([r, b, t], .int32)))
    let weights = positions.weights.reshaped(to: [b, t])
    let terms = zip(own.all, given.all).map { own, given in
      (Divergence.between(
        student: relations(own), teacher: relations(given).detached(), labels: all,
        .forwardKL, temperature: 1) * weights).sum()
    }
    return terms.dropFirst().reduce(terms[0]) { $0 + $1 } * (1 / Float(3 * r))
  }
}
