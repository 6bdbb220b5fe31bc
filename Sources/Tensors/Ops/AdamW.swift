// One parameter's step of Adam with decoupled weight decay.
import Base

/// m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
/// p = p - rate (m c1 / (sqrt(v c2) + epsilon) + decay p) (Loshchilov and Hutter, arXiv
/// 1711.05101).
///
/// Operands: p, g, m, v of one shape; step [4] = (rate, c1 = 1 / (1 - b1^t), c2 = 1 / (1 - b2^t),
/// unused); clip [], by which g is scaled, or a negative number: then nothing changes. Results: the new
/// p, m, v.
public struct AdamW: KernelOp {
  /// The decay of the first moment.
  public let beta1: Float
  /// The decay of the second moment.
  public let beta2: Float
  /// What is added to the root of the second moment.
  public let epsilon: Float
  /// The weight decay of matrices; vectors have none.
  public let decay: Float

  /// The defaults are those of language models.
  public init(
    beta1: Float = 0.9, beta2: Float = 0.95, epsilon: Float = 1e-8, decay: Float = 0.1
  ) {
    (self.beta1, self.beta2) = (beta1, beta2)
    (self.epsilon, self.decay) = (epsilon, decay)
  }

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    demand(
      operands[1...3].allSatisfy { $0 == operands[0] } && operands[4].shape == [4]
        && operands[5].elementCount == 1,
      "adamw: operands \(operands)")
    return [operands[0], operands[0], operands[0]]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    fatal("an optimizer's step has no gradient")
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let (p, g, m, v) = (
      operands[0].floats, operands[1].floats, operands[2].floats, operands[3].floats
    )
    let step = operands[4].floats.map(Double.init)
    let clip = Double(operands[5].floats[0])
    if clip < 0 { return [operands[0], operands[2], operands[3]] }
    let (b1, b2) = (Double(beta1), Double(beta2))
    var (newP, newM, newV) = (p, m, v)
    for i in p.indices {
      let gradient = Double(g[i]) * clip
      let first = b1 * Double(m[i]) + (1 - b1) * gradient
      let second = b2 * Double(v[i]) + (1 - b2) * gradient * gradient
      let direction = first * step[1] / ((second * step[2]).squareRoot() + Double(epsilon))
      newP[i] = Float(Double(p[i]) - step[0] * (direction + Double(decay) * Double(p[i])))
      newM[i] = Float(first)
      newV[i] = Float(second)
    }
    let shape = operands[0].shape
    return [TensorData(shape, newP), TensorData(shape, newM), TensorData(shape, newV)]
  }

  package func mayOverwrite(operand: Int, with result: Int) -> Bool {
    operand == [0, 2, 3][result]
  }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    .sweep(
      "adamw", operands, resultCount: 3,
      [.float(beta1), .float(beta2), .float(epsilon), .float(decay)], on: traits)
  }
}
