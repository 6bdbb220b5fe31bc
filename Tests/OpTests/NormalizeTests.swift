// Layer and RMS normalisation.
import Checks
import Testing

@testable import Tensors

@Suite struct NormalizeTests {
  static func cases(_ shapes: [Shape]) -> [OpCase] {
    var random = RandomData(seed: 31)
    return shapes.flatMap { shape -> [OpCase] in
      let x = random.floats(shape, -2...2)
      let gain = random.floats([shape[-1]], 0.5...1.5)
      let bias = random.floats([shape[-1]])
      return [
        OpCase(Normalize(isRootMeanSquare: true, epsilon: 1e-5), [x, gain]),
        OpCase(Normalize(isRootMeanSquare: false, epsilon: 1e-5), [x, gain, bias]),
      ]
    }
  }

  static let shapes: [Shape] = [[1, 3], [5, 11], [3, 4, 96], [70, 257], [300, 64]]

  static let gradientCases: [OpCase] = {
    var random = RandomData(seed: 32)
    return shapes.flatMap { shape in
      [true, false].map { isRMS in
        OpCase(
          NormalizeGradient(isRootMeanSquare: isRMS, epsilon: 1e-5),
          [
            random.floats(shape, -2...2), random.floats([shape[-1]], 0.5...1.5),
            random.floats(shape),
          ])
      }
    }
  }()

  @Test func rowsHaveMeanZeroAndVarianceOne() {
    var random = RandomData(seed: 33)
    let one = TensorData([64], [Float](repeating: 1, count: 64))
    let zero = TensorData(zeros: one.type)
    let op = Normalize(isRootMeanSquare: false, epsilon: 0)
    let y = op.reference([random.floats([1, 64], 3...9), one, zero])[0].floats
    #expect(abs(y.reduce(0, +)) < 1e-4)
    #expect(abs(y.reduce(0) { $0 + $1 * $1 } / 64 - 1) < 1e-4)
  }

  @Test func agreesWithPyTorch() throws {
    #expect(
      try goldenError("layer_norm", ["x", "gain", "bias"]) {
        $0[0].layerNormalized(gain: $0[1], bias: $0[2], epsilon: 1e-5)
      } < 1e-5)
    #expect(
      try goldenError("rms_norm", ["x", "gain"]) { $0[0].rmsNormalized(gain: $0[1], epsilon: 1e-5) }
        < 1e-5)
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases([[5, 11], [3, 4, 96]]) {
      #expect(try gradientError(item, step: 3e-3) < 4e-3, "\(item)")
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases(Self.shapes) + Self.gradientCases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    let failures = try narrowKernelFailures(
      Self.cases(Self.shapes) + Self.gradientCases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
