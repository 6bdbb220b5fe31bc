// Losses of a head's logits, in chunks.
import Checks
import Testing

@testable import Tensors

@Suite struct LinearLossTests {
  static let teachings: [LinearLoss.Teaching?] = [
    nil, .init(kind: .forwardKL, temperature: 2), .init(kind: .reverseKL, temperature: 1),
    .init(kind: .jensenShannon(beta: 0.3), temperature: 1.5),
  ]

  /// Operands of `rows` rows, of which every seventh does not count.
  static func data(
    _ teaching: LinearLoss.Teaching?, rows: Int, vocabulary: Int, width: Int, teacherWidth: Int,
    weights: Bool
  ) -> [TensorData] {
    var random = RandomData(seed: 141)
    let labels = random.integers([rows], below: vocabulary).integers.enumerated()
      .map { $0 % 7 == 6 ? -1 : $1 }
    var data = [
      random.floats([rows, width]), random.floats([vocabulary, width]),
      TensorData([rows], labels),
    ]
    if teaching != nil {
      data += [random.floats([rows, teacherWidth]), random.floats([vocabulary, teacherWidth])]
    }
    if weights {
      data += [random.floats([rows], 0.1...1)]
      if teaching != nil { data += [random.floats([rows], 0.1...1)] }
    }
    return data
  }

  static let cases: [OpCase] = teachings.flatMap { teaching in
    [false, true].flatMap { gives in
      [(1, 1, 1, 1), (9, 33, 5, 7), (40, 70, 24, 16)].map { rows, vocabulary, width, teacherWidth in
        OpCase(
          LinearLoss(teaching: teaching, givesGradients: gives),
          data(
            teaching, rows: rows, vocabulary: vocabulary, width: width, teacherWidth: teacherWidth,
            weights: gives))
      }
    }
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases where !(item.op as! LinearLoss).givesGradients {
      #expect(try gradientError(item, differentiable: [0, 1]) < 4e-3, "\(item)")
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    // The gradient of the logits is rounded too, on its way to the products.
    let failures = try narrowKernelFailures(Self.cases, on: target, tolerance: 4e-3)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func manyRowsAreSeveralChunks(target: Target) throws {
    let teaching = LinearLoss.Teaching(kind: .forwardKL, temperature: 2)
    let op = LinearLoss(teaching: teaching, givesGradients: true)
    let traits = DeviceTraits(of: target.device, as: target.family)
    // A vocabulary this large gets chunks of 512 rows ...
    let wide = [1024, 4096].map { rows in
      op.launches(
        [
          TensorType([rows, 8]), TensorType([20_000, 8]), TensorType([rows], .int32),
          TensorType([rows, 12]), TensorType([20_000, 12]), TensorType([rows]), TensorType([rows]),
        ], on: traits)
    }
    #expect(wide[0].calls.count { $0.function == "linear_loss" } == 2)
    // ... and its scratch memory does not grow with the rows.
    #expect(wide[0].scratch == wide[1].scratch)
    let data = Self.data(
      teaching, rows: 600, vocabulary: 16_500, width: 4, teacherWidth: 3, weights: true)
    #expect(
      op.launches(data.map(\.type), on: traits).calls.count { $0.function == "linear_loss" } == 2)
    #expect(try kernelError(OpCase(op, data), on: target.open()) < 1e-5)
  }

  @Test func theGradientsComeFromTheSweepThatGivesTheLoss() throws {
    let data = Self.data(nil, rows: 9, vocabulary: 33, width: 5, teacherWidth: 1, weights: false)
    let feeds = inputs(data)
    let (x, weight) = (feeds[0].tensor, feeds[1].tensor)
    let scale = Tensor.input("scale", TensorType([]))
    let loss = LinearLoss.crossEntropy(hidden: x, weight: weight, labels: feeds[2].tensor).sum()
    let outputs = [loss] + gradients(of: loss * scale, withRespectTo: [x, weight])
    let graph = Graph(outputs: outputs).rewritten()
    let ops = graph.applications.compactMap { $0.op as? LinearLoss }
    #expect(ops.count == 1 && ops[0].givesGradients)
    let all = feeds + [(scale, TensorData(Float(0.5)))]
    let fused = try evaluate(outputs, all)
    let plain = try evaluate(outputs, all, options: .init(rewrites: false))
    for (a, b) in zip(fused, plain) { #expect(relativeError(a, b) < 1e-6) }
  }
}
