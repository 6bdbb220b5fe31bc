// The optimizer's step.
import Checks
import Testing

@testable import Tensors

@Suite struct AdamWTests {
  static let cases: [OpCase] = {
    var random = RandomData(seed: 101)
    return [(1, 0.5), (15, 0.5), (64, 0.5), (1003, 0.5), (37, -1)].map {
      (count: Int, clip: Float) in
      OpCase(
        AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, decay: 0.1),
        [
          random.floats([count]), random.floats([count]), random.floats([count]),
          random.floats([count], 0.01...1), TensorData([4], [0.01, 1.5, 2, 0] as [Float]),
          TensorData(clip),
        ])
    }
  }()

  @Test func aNegativeFactorChangesNothing() {
    let item = Self.cases[4]
    let new = item.op.reference(item.data)
    #expect(new == [item.data[0], item.data[2], item.data[3]])
  }

  @Test func firstStepMovesByTheRateAgainstTheSign() {
    // With bias correction, m / sqrt(v) is the sign of the gradient at the first step.
    let zero = TensorData(zeros: TensorType([3]))
    let op = AdamW(beta1: 0.9, beta2: 0.99, epsilon: 0, decay: 0)
    let new = op.reference([
      zero, TensorData([3], [0.3, -7, 2] as [Float]), zero, zero,
      TensorData([4], [0.01, 10, 100, 0] as [Float]), TensorData([], [Float(1)]),
    ])[0].floats
    #expect(zip(new, [-0.01, 0.01, -0.01]).allSatisfy { abs($0 - $1) < 1e-7 })
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
