// Sums and maxima.
import Checks
import Testing

@testable import Tensors

@Suite struct ReduceTests {
  static let cases: [OpCase] = {
    var random = RandomData(seed: 21)
    var cases: [OpCase] = []
    for kind in [Reduce.Kind.sum, .sumOfSquares, .maximum] {
      for (outer, n, inner) in [
        (1, 1, 1), (1, 50_001, 1), (1, 9001, 1), (7, 33, 1), (1, 300, 48), (1, 1000, 7), (3, 5, 4),
        (2, 200, 33),
      ] {
        let shape: Shape = [outer, inner]
        let op = Reduce(kind: kind, outer: outer, inner: inner, shape: shape)
        cases.append(OpCase(op, [random.floats([outer, n, inner], 0...1)]))
      }
    }
    return cases
  }()

  @Test func sumAlongAxes() throws {
    let x = TensorData([2, 3], [1, 2, 3, 4, 5, 6] as [Float])
    let input = Tensor.input("x", x.type)
    let got = try evaluate(
      [input.sum(axis: 0), input.sum(axis: -1), input.sum(), input.maximum(axis: 1)], [(input, x)])
    #expect(got.map(\.floats) == [[5, 7, 9], [6, 15], [21], [3, 6]])
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases where item.data[0].type.elementCount < 20_000 {
      guard let op = item.op as? Reduce, op.kind != .maximum,
        op.kind == .sum || op.inner == 1 || op.outer == 1
      else { continue }
      #expect(try gradientError(item) < 1e-3, "\(item)")
    }
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
