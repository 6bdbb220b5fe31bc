// Second moments of matrices by their rows and columns.
import Base
import Tensors

/// Adafactor (Shazeer and Stern, arXiv 1804.04235) without momentum: of the mean squares of a matrix's gradients the means of rows and of columns
/// are kept, O + I numbers in place of O I; steps whose root mean square is above 1 are scaled down to it. Rates are those
/// of the schedule, as for AdamW; weight decay is decoupled.
public struct Adafactor: Optimizer {
  /// The decay of matrices.
  public let decay: Float

  /// Weight decay 0.1.
  public init(decay: Float = 0.1) { self.decay = decay }

  public var name: String { "Adafactor" }
  public var settings: String { "weight decay \(decay)" }
  public var stateNames: [String] { ["squares"] }

  /// Added to squares, as in the paper.
  private static let least: Float = 1e-30

  public func state(of name: String, shape: Shape) -> [(name: String, type: TensorType)] {
    let count = ("steps", TensorType([1]))
    return shape.rank == 2
      ? [("rows", TensorType([shape[0], 1])), ("columns", TensorType([1, shape[1]])), count]
      : [("squares", TensorType(shape)), count]
  }

  public func step(
    _ parameter: Tensor, gradient: Tensor, state: [Tensor], rate: Tensor
  ) -> (parameter: Tensor, state: [Tensor]) {
    let count = state[state.count - 1] + 1
    // beta2 = 1 - t^-0.8
    let fresh = (count.log() * -0.8).exp().reshaped(to: [])
    let squares = gradient * gradient + Self.least
    func mixed(_ old: Tensor, _ new: Tensor) -> Tensor { old * (1 - fresh) + new * fresh }
    var direction: Tensor
    var kept: [Tensor]
    if parameter.shape.rank == 2 {
      let (rows, columns) = (
        mixed(state[0], squares.mean(axis: 1).reshaped(to: state[0].shape)),
        mixed(state[1], squares.mean(axis: 0).reshaped(to: state[1].shape))
      )
      direction = gradient / (rows / rows.mean()).squareRoot() / columns.squareRoot()
      kept = [rows, columns]
    } else {
      let mean = mixed(state[0], squares)
      direction = gradient / mean.squareRoot()
      kept = [mean]
    }
    let size = (direction.sumOfSquares() / Float(parameter.shape.elementCount)).squareRoot()
    direction = direction / Tensor.constant(1).maximum(size)
    let decayed = parameter.shape.rank >= 2 ? parameter * (1 - rate * decay) : parameter
    return (decayed - rate * direction, kept + [count])
  }
}
