// Exchanging axes.
import Checks
import Testing

@testable import Tensors

@Suite struct TransposeTests {
  static let cases: [OpCase] = {
    var random = RandomData(seed: 51)
    return [
      OpCase(Transpose(first: 0, second: 1), [random.floats([1, 1])]),
      OpCase(Transpose(first: 0, second: 1), [random.floats([33, 70])]),
      OpCase(Transpose(first: 1, second: 2), [random.floats([2, 5, 7, 16])]),
      OpCase(Transpose(first: 0, second: 3), [random.floats([3, 4, 5, 6])]),
      OpCase(Transpose(first: 0, second: 2), [random.floats([3, 2, 9, 32])]),
    ]
  }()

  @Test func twiceChangesNothing() throws {
    var random = RandomData(seed: 52)
    let x = random.floats([3, 4, 5])
    let input = Tensor.input("x", x.type)
    #expect(try evaluate([input.transposed(0, 2).transposed(-1, 0)], [(input, x)])[0] == x)
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases { #expect(try gradientError(item) < 1e-3, "\(item)") }
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
