// Steps of equal size in every direction of a matrix.
import Base
import Tensors

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Momentum whose matrices are made nearly orthogonal by five iterations of Newton and Schulz (Jordan et al., "Muon", 2024), times
/// 0.2 sqrt(max(O, I)), so that their numbers are as large as AdamW's steps and its rates and decay suit (Liu et al., arXiv 2502.16982).
///
/// That is for matrices of numbered layers. Vectors, tables of tokens and heads, whose rows are not directions of one space, move as with Adam,
/// whose second moment Muon's matrices do not keep.
public struct Muon: Optimizer {
  /// The momentum of matrices.
  public let momentum: Float
  /// What vectors and tables move by; its decay is that of all matrices.
  public let others: AdamW

  /// Momentum 0.95, and AdamW for what is no layer's matrix.
  public init(momentum: Float = 0.95, others: AdamW = AdamW()) {
    (self.momentum, self.others) = (momentum, others)
  }

  public var name: String { "Muon" }
  public var settings: String { "momentum \(momentum), weight decay \(others.decay)" }
  public var stateNames: [String] { ["momentum"] }

  /// Matrices that lie in a numbered layer, by their names.
  static func isInLayer(_ name: String, _ shape: Shape) -> Bool {
    shape.rank == 2 && name.split(separator: ".").contains { Int($0) != nil }
  }

  public func state(of name: String, shape: Shape) -> [(name: String, type: TensorType)] {
    let own = TensorType(shape)
    return Self.isInLayer(name, shape)
      ? [("momentum", own)] : [("first", own), ("second", own), ("steps", TensorType([1]))]
  }

  public func step(
    _ parameter: Tensor, gradient: Tensor, state: [Tensor], rate: Tensor
  ) -> (parameter: Tensor, state: [Tensor]) {
    let decayed = parameter.shape.rank >= 2 ? parameter * (1 - rate * others.decay) : parameter
    guard state.count == 1 else {
      let step = adam(gradient, state)
      return (decayed - rate * step.direction, step.state)
    }
    let velocity = state[0] * momentum + gradient
    let direction = Self.orthogonal(gradient + velocity * momentum)
    let longest = parameter.shape.extents.max() ?? 1
    return (decayed - rate * direction * (0.2 * Float(longest).squareRoot()), [velocity])
  }

  /// AdamW's direction, its powers of beta from a counter of its own.
  private func adam(_ gradient: Tensor, _ state: [Tensor]) -> (direction: Tensor, state: [Tensor]) {
    let first = state[0] * others.beta1 + gradient * (1 - others.beta1)
    let second = state[1] * others.beta2 + gradient * gradient * (1 - others.beta2)
    let count = state[2] + 1
    func correction(_ beta: Float) -> Tensor {
      (1 - (count * log(beta)).exp()).reshaped(to: [])
    }
    let size = (second / correction(others.beta2)).squareRoot() + others.epsilon
    return (first / correction(others.beta1) / size, [first, second, count])
  }

  /// U V^T of a matrix U S V^T, its singular values between 0.7 and 1.2 or so.
  private static func orthogonal(_ matrix: Tensor) -> Tensor {
    let isTall = matrix.shape[0] > matrix.shape[1]
    var x = matrix / (matrix.sumOfSquares().squareRoot() + 1e-7)
    // The smaller square: X X^T of a wide matrix, X^T X of a tall one.
    for _ in 0..<5 {
      let square =
        isTall ? x.matmul(x, transposeSelf: true) : x.matmul(x, transposeOther: true)
      let factor = square * -4.7750 + square.matmul(square) * 2.0315
      x = x * 3.4445 + (isTall ? x.matmul(factor) : factor.matmul(x))
    }
    return x
  }
}
