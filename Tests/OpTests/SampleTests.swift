// Drawing from distributions.
import Checks
import Testing

@testable import Tensors

@Suite struct SampleTests {
  static let cases: [OpCase] = {
    var random = RandomData(seed: 121)
    let sizes = [(1, 1), (6, 50), (9, 257)]
    return sizes.flatMap { rows, columns in
      [Float(0), 0.7].map { temperature in
        OpCase(
          Sample(),
          [
            random.floats([rows, columns], -3...3), TensorData([1], [temperature]),
            TensorData([2], [Int32(3), 4]),
          ])
      }
    }
  }()

  @Test func drawsInProportion() {
    // 4000 rows of one distribution: shares 0.7, 0.2, 0.1.
    let row: [Float] = [-0.35667494, -1.6094379, -2.3025851]  // their logarithms
    let logits = TensorData([4000, 3], (0..<4000).flatMap { _ in row })
    let draws = Sample().reference([
      logits, TensorData([1], [Float(1)]), TensorData([2], [Int32(1), 1]),
    ])[0].integers
    for (value, share) in [0.7, 0.2, 0.1].enumerated() {
      #expect(abs(Double(draws.count { $0 == value }) / 4000 - share) < 0.03)
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
