// A student whose tokens relate to each other as its teacher's do (Wang et al., arXiv 2012.15828).
import Layers
import Tensors
import Training

/// weight * the mean over queries, keys and values and over R relation heads of
/// KL(softmax(t_i t / sqrt(d)) || softmax(s_i s / sqrt(d))), for every position i that counts, over positions
/// up to i. Vectors of a layer are cut into R parts of d numbers anew, so that widths and numbers of heads
/// may differ.
public struct RelationMatching {
  public let weight: Float
  public let headCount: Int
  /// Numbers of layers, from 0.
  public let layers: (student: Int, teacher: Int)

  public init(weight: Float, headCount: Int, layers: (student: Int, teacher: Int)) {
    self.weight = weight
    self.headCount = headCount
    self.layers = layers
  }

  public var formula: String {
    "\(weight) * mean over Q, K, V and \(headCount) heads of KL(relations of teacher layer "
      + "\(layers.teacher) || student layer \(layers.student))"
  }

  /// Whether vectors of a layer can be cut into the relation heads.
  public func fits(_ heads: AttentionHeads) -> Bool {
    heads.all.allSatisfy { ($0.shape[2] * $0.shape[3]) % headCount == 0 }
  }

  /// The sum over positions that count, without the weight, and the input that says which count.
  func loss(student: AttentionHeads, teacher: AttentionHeads) -> (sum: Tensor, labels: BatchInput) {
    let (b, t, r) = (student.queries.shape[0], student.queries.shape[1], headCount)
    let labels = BatchInput(.input("relations", TensorType([b, r, t], .int32))) { batch in
      let (own, length) = (batch.labels.integers, batch.tokens.shape[1])
      return TensorData(
        [b, r, t],
        (0..<b).flatMap { row in
          (0..<r).flatMap { _ in
            own[row * length..<(row + 1) * length].map { $0 < 0 ? Int32(-1) : 0 }
          }
        })
    }
    // Later positions, padding among them, are out of sight: a large negative number, alike on both sides.
    let mask = Tensor.constant(
      TensorData([t, t], (0..<t * t).map { $0 % t > $0 / t ? Float(-1e9) : 0 }))
    func relations(_ x: Tensor) -> Tensor {
      let width = x.shape[2] * x.shape[3]
      let parts = x.reshaped(to: [b, t, r, width / r]).transposed(1, 2)
      let scale = 1 / Float(width / r).squareRoot()
      return parts.matmul(parts, transposeOther: true) * scale + mask
    }
    let terms = zip(student.all, teacher.all).map { own, given in
      Divergence.between(
        student: relations(own), teacher: relations(given).detached(), labels: labels.tensor,
        .forwardKL, temperature: 1
      ).sum()
    }
    let sum = terms.dropFirst().reduce(terms[0]) { $0 + $1 }
    return (sum * (1 / Float(3 * r)), labels)
  }
}
