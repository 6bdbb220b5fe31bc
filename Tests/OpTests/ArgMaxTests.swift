// Where rows are largest.
import Checks
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

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
