// Where rows are largest.
import Checks
import Foundation
import Testing

@testable import Tensors

@Suite struct ArgMaxTests {
  static let cases: [OpCase] = {
    var random = RandomData(seed: 111)
    let tied = TensorData([2, 300], (0..<600).map { Float($0 % 7) })
    let shapes: [Shape] = [[1, 1], [5, 9], [40, 257]]
    return (shapes.map { random.floats($0) } + [tied]).map { OpCase(ArgMax(), [$0]) }
  }()

  @Test func takesTheFirstOfEquals() {
    let x = TensorData([1, 4], [1, 5, 5, 2] as [Float])
    #expect(ArgMax().reference([x])[0].integers == [1])
  }

  /// Heads with padding and with a cap; of many rows, which are several chunks.
  static let headCases: [OpCase] = {
    var random = RandomData(seed: 112)
    return [(5, 9, 7, 9), (6, 257, 40, 250), (530, 17_000, 3, 17_000)].map {
      rows, classes, width, count in
      OpCase(
        LinearArgMax(classCount: count, cap: classes == 257 ? 2 : nil),
        [random.floats([rows, width]), random.floats([classes, width])])
    }
  }()

  /// Of more classes than rows of a chunk have room for: the logits are never all there.
  @Test func headsNeedFewLogits() {
    let data = Self.headCases[2].data
    let launches = Self.headCases[2].op.launches(
      data.map(\.type), on: ReferenceDevice().traits)
    #expect(launches.scratch.reduce(0, +) < 4 * data[0].shape[0] * data[1].shape[0])
    let (logits, op) = (MatMul(transposeA: false, transposeB: true), LinearArgMax(classCount: 9))
    let small = Self.headCases[0].data
    let all = logits.reference(small)
    let found = op.reference(small)
    #expect(found[0] == ArgMax().reference(all)[0])
    for (row, place) in found[0].integers.enumerated() {
      let values = all[0].floats[row * 9..<(row + 1) * 9].map { exp(Double($0)) }
      let share = values[Int(place)] / values.reduce(0, +)
      #expect(abs(Double(found[1].floats[row]) + log(share)) < 1e-5)
    }
  }

  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    let failures = try narrowKernelFailures(Self.headCases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases + Self.headCases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
