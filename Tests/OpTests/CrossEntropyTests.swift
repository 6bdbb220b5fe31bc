// Cross-entropy to labels.
import Checks
import Testing

@testable import Tensors

@Suite struct CrossEntropyTests {
  static let cases: [OpCase] = {
    var random = RandomData(seed: 71)
    let sizes = [(1, 1), (4, 9), (33, 257), (5, 8192)]
    return sizes.flatMap { rows, columns -> [OpCase] in
      let z = random.floats([rows, columns], -4...4)
      var labels = random.integers([rows], below: columns)
      if rows > 1 { labels = TensorData([rows], [-1] + labels.integers.dropFirst()) }
      let results = CrossEntropy().reference([z, labels])
      return [
        OpCase(CrossEntropy(), [z, labels]),
        OpCase(CrossEntropyGradient(), [z, labels, results[1], random.floats([rows])]),
      ]
    }
  }()

  @Test func agreesWithPyTorch() throws {
    #expect(
      try goldenError("cross_entropy", ["z", "labels"]) { $0[0].crossEntropy(labels: $0[1]) } < 1e-5
    )
  }

  @Test func isTheLogarithmOfTheSizeForEqualLogits() {
    let z = TensorData(zeros: TensorType([1, 8]))
    let loss = CrossEntropy().reference([z, TensorData([1], [Int32(3)])])[0].floats[0]
    #expect(abs(loss - 2.0794415) < 1e-6)
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases where item.op is CrossEntropy && item.data[0].type.elementCount < 10_000
    {
      #expect(try gradientError(item) < 2e-3, "\(item)")
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchForLabelsThatAreNoClass(target: Target) throws {
    var random = RandomData(seed: 64)
    let (z, labels) = (random.floats([4, 21]), TensorData([4], [3, 21, -1, Int32.max]))
    let results = CrossEntropy().reference([z, labels])
    #expect(results[0].floats.map(\.isNaN) == [false, true, false, true])
    let failures = try strangeIdFailures(
      [
        OpCase(CrossEntropy(), [z, labels]),
        OpCase(CrossEntropyGradient(), [z, labels, results[1], random.floats([4])]),
      ], on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
