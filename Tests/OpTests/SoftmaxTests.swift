// Softmax: rows sum to 1, kernels and gradients are right.
import Checks
import Testing

@testable import Tensors

@Suite struct SoftmaxTests {
  static let cases: [OpCase] = {
    var random = RandomData(seed: 1)
    let shapes: [Shape] = [[1, 1], [3, 7], [2, 5, 257], [4, 1000], [33, 64]]
    return [false, true].flatMap { logarithm in
      shapes.map { OpCase(Softmax(isLogarithm: logarithm), [random.floats($0, -8...8)]) }
    }
  }()

  static let gradientCases: [OpCase] = {
    var random = RandomData(seed: 2)
    let shapes: [Shape] = [[1, 1], [3, 7], [5, 257]]
    return [false, true].flatMap { logarithm in
      shapes.map { shape in
        let y = Softmax(isLogarithm: logarithm).reference([random.floats(shape)])[0]
        return OpCase(SoftmaxGradient(isLogarithm: logarithm), [y, random.floats(shape)])
      }
    }
  }()

  @Test func rowsSumToOne() {
    var random = RandomData(seed: 3)
    let y = Softmax(isLogarithm: false).reference([random.floats([4, 33], -80...80)])[0].floats
    for row in 0..<4 {
      #expect(abs(y[row * 33..<(row + 1) * 33].reduce(0, +) - 1) < 1e-5)
    }
  }

  @Test func agreesWithPyTorch() throws {
    #expect(try goldenError("softmax", ["x"]) { $0[0].softmax() } < 1e-5)
    #expect(try goldenError("log_softmax", ["x"]) { $0[0].logSoftmax() } < 1e-5)
  }

  @Test func isNotMovedByAConstant() {
    var random = RandomData(seed: 4)
    let x = random.floats([2, 9])
    let moved = TensorData(x.shape, x.floats.map { $0 + 3 })
    let op = Softmax(isLogarithm: false)
    #expect(relativeError(op.reference([moved])[0], op.reference([x])[0]) < 1e-6)
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases.filter({ $0.data[0].type.elementCount < 100 }) {
      let mild = OpCase(
        item.op, [TensorData(item.data[0].shape, item.data[0].floats.map { $0 / 8 })])
      #expect(try gradientError(mild) < 2e-3, "\(mild)")
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases + Self.gradientCases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
