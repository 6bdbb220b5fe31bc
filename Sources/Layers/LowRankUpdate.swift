// A small addition to a linear layer, which is trained in place of its matrix.
import Tensors

/// y = x W^T + s (x A^T) B^T with W frozen (Hu et al., "LoRA", arXiv 2106.09685): A [r, I] begins with random numbers between
/// -1/sqrt(I) and 1/sqrt(I), as PEFT's does, and B [O, r] with zeros, so that y begins as it was.
package struct LowRankUpdate: Sendable {
  /// W
  package let weight: LinearWeight
  /// A [r, I]
  package let down: Tensor
  /// B [O, r]
  package let up: Tensor
  /// s
  package let scale: Float

  package init(of weight: LinearWeight, rank: Int, scale: Float) {
    (self.weight, self.scale) = (weight, scale)
    down = .variable(
      [rank, weight.inputSize], .uniform(bound: 1 / Float(weight.inputSize).squareRoot()))
    up = .variable([weight.outputSize, rank], .zeros)
  }

  /// What is added to the layer's output: x [..., I] -> [..., O].
  package func addition(_ x: Tensor) -> Tensor {
    x.matmul(down, transposeOther: true).matmul(up, transposeOther: true) * scale
  }

  /// The layer's matrix with the addition in it, in the layout of `matrix`: W + s B A. Sums are in `Double`.
  package func merged(
    _ matrix: TensorData, down: TensorData, up: TensorData
  ) -> TensorData {
    let (rank, inputs, outputs) = (down.shape[0], weight.inputSize, weight.outputSize)
    let (a, b) = (down.floats, up.floats)
    var numbers = matrix.stored(as: .float32).floats
    var row = [Double](repeating: 0, count: inputs)
    for output in 0..<outputs {
      for input in row.indices { row[input] = 0 }
      for place in 0..<rank {
        let factor = Double(b[output * rank + place])
        if factor == 0 { continue }
        for input in 0..<inputs { row[input] += factor * Double(a[place * inputs + input]) }
      }
      for input in 0..<inputs {
        let place = weight.isTransposed ? input * outputs + output : output * inputs + input
        numbers[place] = Float(Double(numbers[place]) + Double(scale) * row[input])
      }
    }
    return TensorData(matrix.shape, numbers)
  }
}
