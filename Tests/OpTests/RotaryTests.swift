// Rotary position embedding.
import Checks
import Testing

@testable import Tensors

@Suite struct RotaryTests {
  static let cases: [OpCase] = {
    var random = RandomData(seed: 41)
    let shapes: [Shape] = [[1, 1, 1, 2], [2, 5, 3, 8], [3, 17, 2, 64], [1, 9, 1, 80]]
    return shapes.flatMap { shape in
      [Float(1), -1].map { direction in
        let angles: Shape = [shape[1], shape[3] / 2]
        return OpCase(
          Rotary(direction: direction),
          [random.floats(shape), random.floats(angles), random.floats(angles)])
      }
    }
  }()

  @Test func agreesWithPyTorch() throws {
    #expect(try goldenError("rotary", ["x"]) { $0[0].rotated(base: 10_000) } < 1e-5)
  }

  @Test func keepsLengths() throws {
    var random = RandomData(seed: 42)
    let x = random.floats([1, 6, 2, 16])
    let input = Tensor.input("x", x.type)
    let y = try evaluate([input.rotated(base: 10_000)], [(input, x)])[0]
    func square(_ v: [Float]) -> Float { v.reduce(0) { $0 + $1 * $1 } }
    #expect(abs(square(x.floats) - square(y.floats)) < 1e-3)
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases {
      #expect(try gradientError(item, differentiable: [0]) < 1e-3, "\(item)")
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
