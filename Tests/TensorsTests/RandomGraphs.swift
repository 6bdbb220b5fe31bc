// Graphs made at random, with their inputs.
import Checks

@testable import Tensors

/// A random computation on matrices of a few shapes, and the gradients of its sum.
struct RandomGraph {
  let outputs: [Tensor]
  let feeds: [Feed]

  init(seed: UInt64) {
    var random = RandomData(seed: seed)
    let (rows, columns) = (random.integer(below: 6) + 2, [7, 16, 33][random.integer(below: 3)])
    let shape: Shape = [rows, columns]
    let feeds = inputs([
      random.floats(shape), random.floats(shape), random.floats([columns]),
      random.floats([columns, columns], -0.3...0.3), random.floats([rows, 1]), random.floats([]),
    ])
    var values = [feeds[0].tensor, feeds[1].tensor]
    for _ in 0..<random.integer(below: 20) + 5 {
      let a = values[random.integer(below: values.count)]
      let b = values[random.integer(below: values.count)]
      switch random.integer(below: 14) {
      case 0: values.append(a + b)
      case 1: values.append(a * b)
      case 2: values.append(a - b)
      case 3: values.append(a + feeds[2].tensor)
      case 4: values.append(a.matmul(feeds[3].tensor))
      case 5: values.append(a.matmul(feeds[3].tensor, transposeOther: true).silu())
      case 6: values.append(a.gelu())
      case 7: values.append(a.softmax())
      case 8: values.append(a.tanh() * 0.5 + feeds[2].tensor)
      case 9: values.append(a * feeds[4].tensor)
      case 10: values.append((a + b).reshaped(to: [columns, rows]).reshaped(to: shape).sigmoid())
      case 11: values.append(a.rmsNormalized(gain: feeds[2].tensor, epsilon: 1e-2))
      case 12: values.append(a * feeds[5].tensor + b)
      default: values.append(a.transposed(0, 1).transposed(0, 1) * 1 + 0)
      }
    }
    let last = values[values.count - 1]
    let slopes = gradients(of: (last * last).sum(), withRespectTo: feeds.map(\.tensor))
    outputs = [last, values[values.count / 2]] + slopes
    self.feeds = feeds
  }
}
