// Rows cut into parts and put together again.
import Checks
import Testing

@testable import Tensors

@Suite struct SplitTests {
  /// (rows, widths)
  static let sizes: [(Int, [Int])] = [
    (1, [1]), (3, [2, 1, 4]), (7, [16, 33, 5]), (64, [128, 128, 128]), (2, [700, 13]),
  ]

  static let cases: [OpCase] = {
    var random = RandomData(seed: 131)
    return sizes.flatMap { rows, widths -> [OpCase] in
      [
        OpCase(Split(widths: widths), [random.floats([rows, widths.reduce(0, +)])]),
        OpCase(Concatenate(), widths.map { random.floats([rows, $0]) }),
      ]
    }
  }()

  @Test func puttingPartsTogetherGivesTheWhole() throws {
    var random = RandomData(seed: 132)
    let whole = random.floats([4, 3, 12])
    let feeds = inputs([whole])
    let parts = feeds[0].tensor.split([5, 4, 3])
    #expect(parts.map(\.shape) == [[4, 3, 5], [4, 3, 4], [4, 3, 3]])
    #expect(try evaluate([Tensor.concatenated(parts)], feeds) == [whole])
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases { #expect(try gradientError(item) < 1e-3, "\(item)") }
  }

  @Test func aPartThatIsNotUsedHasGradientZero() throws {
    let x = Tensor.input("x", TensorType([2, 3]))
    let slope = gradients(of: x.split([1, 2])[0].sum(), withRespectTo: [x])[0]
    let data = TensorData([2, 3], [Float](repeating: 2, count: 6))
    #expect(try evaluate([slope], [(x, data)])[0].floats == [1, 0, 0, 1, 0, 0])
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    let failures = try narrowKernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
