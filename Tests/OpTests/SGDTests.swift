// The step of gradient descent with momentum.
import Checks
import Testing

@testable import Tensors

@Suite struct SGDTests {
  static let cases: [OpCase] = {
    var random = RandomData(seed: 103)
    return [(1, 0.5), (15, 0.5), (1003, 0.5), (37, -1)].map { (count: Int, clip: Float) in
      OpCase(
        SGD(momentum: 0.9, decay: 0.1),
        [
          random.floats([count]), random.floats([count]), random.floats([count]),
          TensorData([4], [0.01, 0, 0, 0] as [Float]), TensorData(clip),
        ])
    }
  }()

  @Test func aNegativeFactorChangesNothing() {
    let item = Self.cases[3]
    #expect(item.op.reference(item.data) == [item.data[0], item.data[2]])
  }

  /// Under a constant gradient the velocity tends to g / (1 - momentum); decay pulls towards zero beside it.
  @Test func momentumAddsUp() {
    let op = SGD(momentum: 0.5, decay: 0.2)
    var (p, v) = (TensorData([1], [Float(1)]), TensorData([1], [Float(0)]))
    for expected in [(1 - 0.1 * (2 + 0.2), 2.0), (0.78 - 0.1 * (3 + 0.2 * 0.78), 3.0)] {
      let new = op.reference([
        p, TensorData([1], [Float(4)]), v, TensorData([4], [0.1, 0, 0, 0] as [Float]),
        TensorData(0.5),
      ])
      (p, v) = (new[0], new[1])
      #expect(abs(Double(p.floats[0]) - expected.0) < 1e-6)
      #expect(abs(Double(v.floats[0]) - expected.1) < 1e-6)
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
