// One parameter's step of gradient descent with momentum.
import Base

/// v = momentum v + g, p = p - rate (v + decay p): stochastic gradient descent with momentum (Sutskever et al., ICML 2013)
/// and decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101).
///
/// Operands: p, g, v of one shape; step [4], whose first number is the rate; clip [], by which g is scaled, or a negative
/// number: then nothing changes. Results: the new p and v.
public struct SGD: KernelOp {
  /// The share of the velocity that is kept.
  public let momentum: Float
  /// The weight decay of matrices; vectors have none.
  public let decay: Float

  /// Plain gradient descent has a momentum of 0.
  public init(momentum: Float = 0.9, decay: Float = 0) {
    (self.momentum, self.decay) = (momentum, decay)
  }

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    demand(
      operands[1...2].allSatisfy { $0 == operands[0] } && operands[3].shape == [4]
        && operands[4].elementCount == 1,
      "sgd: operands \(operands)")
    return [operands[0], operands[0]]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    fatal("an optimizer's step has no gradient")
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let (p, g, v) = (operands[0].floats, operands[1].floats, operands[2].floats)
    let (rate, clip) = (Double(operands[3].floats[0]), Double(operands[4].floats[0]))
    if clip < 0 { return [operands[0], operands[2]] }
    let velocity = p.indices.map { Double(momentum) * Double(v[$0]) + Double(g[$0]) * clip }
    let new = p.indices.map { i in
      Float(Double(p[i]) - rate * (velocity[i] + Double(decay) * Double(p[i])))
    }
    let shape = operands[0].shape
    return [TensorData(shape, new), TensorData(shape, velocity.map { Float($0) })]
  }

  package func mayOverwrite(operand: Int, with result: Int) -> Bool { operand == [0, 2][result] }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    .sweep(
      "sgd", operands, resultCount: 2, [.float(momentum), .float(decay)], on: traits)
  }
}
