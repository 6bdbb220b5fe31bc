// Formulas: values, broadcasting, derivatives, random numbers.
import Checks
import Testing

@testable import Tensors

@Suite struct ElementwiseTests {
  /// Applies a formula of tensors to data and gives the op behind it.
  static func opCase(_ data: [TensorData], _ formula: ([Tensor]) -> Tensor) -> OpCase {
    let result = formula(inputs(data).map(\.tensor))
    guard case .result(let application, _) = result.origin,
      let op = application.op as? any KernelOp
    else { preconditionFailure() }
    return OpCase(op, data)
  }

  static let cases: [OpCase] = {
    var random = RandomData(seed: 11)
    let shapes: [Shape] = [[1], [3, 5], [17, 33], [40, 256], [7, 1001]]
    var cases: [OpCase] = []
    for shape in shapes {
      let x = random.floats(shape, -3...3)
      cases += [
        opCase([x]) { $0[0].gelu() }, opCase([x]) { $0[0].geluTanh() },
        opCase([x]) { $0[0].silu() },
        opCase([x]) { $0[0].exp() }, opCase([x]) { $0[0].relu() }, opCase([x]) { $0[0].abs() },
        opCase([x, random.floats(shape, 0.5...2)]) { $0[0] / $0[1] },
        opCase([x, random.floats([shape[-1]])]) { $0[0] * $0[1] },
        opCase([x, random.floats([])]) { $0[0] - $0[1] },
      ]
      if shape.rank == 2 {
        cases.append(opCase([x, random.floats([shape[0], 1])]) { $0[0] + $0[1] })
        // Integers are read as numbers, whichever way they are read.
        let (all, row, column) = (
          random.integers(shape, below: 90), random.integers([shape[1]], below: 90),
          random.integers([shape[0], 1], below: 90)
        )
        cases += [
          opCase([x, all]) { $0[0] * $0[1] }, opCase([x, row]) { $0[0] + $0[1] },
          opCase([x, column]) { $0[0] - $0[1] },
          opCase([all, column]) { $0[0].isGreater(than: $0[1]) },
        ]
      }
      cases.append(opCase([random.floats(shape, 0.1...4)]) { $0[0].log() })
      // Small and large arguments: the relative error is small everywhere.
      for size in [1e-4, 0.1, 30] as [Float] {
        let y = random.floats(shape, -size...size)
        cases += [opCase([y]) { $0[0].tanh() }, opCase([y]) { $0[0].gelu() }]
      }
      cases.append(opCase([random.floats(shape, 0.1...4)]) { $0[0].squareRoot() })
    }
    for shape in shapes {
      let x = random.floats(shape, -3...3)
      cases += [
        opCase([x, random.floats(shape), random.floats([shape[-1]])]) {
          .select($0[0], $0[1], otherwise: $0[2])
        },
        opCase([x, random.floats(shape)]) { $0[0].minimum($0[1]) },
      ]
    }
    return cases
  }()

  static let dropoutCase: OpCase = {
    var random = RandomData(seed: 12)
    let seed = TensorData([2], [Int32(5), 9])
    return opCase([random.floats([37, 41]), seed]) { $0[0].dropout(0.3, seed: $0[1], name: "mlp") }
  }()

  @Test func agreesWithPyTorch() throws {
    #expect(try goldenError("gelu", ["input"]) { $0[0].gelu() } < 1e-5)
    #expect(try goldenError("gelu_tanh", ["x"]) { $0[0].geluTanh() } < 1e-5)
    #expect(try goldenError("silu", ["input"]) { $0[0].silu() } < 1e-5)
  }

  /// Numbers on either side of every operator, and means.
  @Test func operatorsWithNumbers() throws {
    let x = Tensor.input("x", TensorType([2, 3]))
    let data = TensorData([2, 3], [1, 2, 4, -3, 0.5, 8] as [Float])
    let values: [(Tensor, [Float])] = [
      (x - 1, [0, 1, 3, -4, -0.5, 7]), (1 - x, [0, -1, -3, 4, 0.5, -7]),
      (x / 2, [0.5, 1, 2, -1.5, 0.25, 4]), (2 / x, [2, 1, 0.5, -2.0 / 3, 4, 0.25]),
      (-x, [-1, -2, -4, 3, -0.5, -8]), (3 + x, [4, 5, 7, 0, 3.5, 11]),
      (2 * x, [2, 4, 8, -6, 1, 16]), (x.mean(), [12.5 / 6]),
      (x.mean(axis: -1), [7.0 / 3, 5.5 / 3]), (x.mean(axis: 0), [-1, 1.25, 6]),
    ]
    let executor = try GraphExecutor(
      Graph(outputs: values.map(\.0)), on: VariableStore(on: ReferenceDevice(), seed: 1))
    try executor.set(x, to: data)
    try executor.run()
    for (tensor, expected) in values {
      let got = try executor.value(of: tensor).floats
      #expect(zip(got, expected).allSatisfy { abs($0 - $1) < 1e-6 } && got.count == expected.count)
    }
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases where item.data[0].type.elementCount < 600 {
      // |x| and relu have a corner, which a step may cross.
      if ["abs", "max", "?"].contains(where: "\(item.op)".contains) { continue }
      #expect(try gradientError(item, step: 3e-3) < 4e-3, "\(item)")
    }
  }

  @Test func dropoutKeepsItsShareAndItsMean() {
    let ones = TensorData([100, 100], [Float](repeating: 1, count: 10_000))
    let seed = TensorData([2], [Int32(1), 2])
    let item = Self.opCase([ones, seed]) { $0[0].dropout(0.25, seed: $0[1], name: "x") }
    let y = item.op.reference([ones, seed])[0].floats
    #expect(abs(Double(y.count { $0 == 0 }) / 10_000 - 0.25) < 0.02)
    #expect(y.allSatisfy { $0 == 0 || abs($0 - 4.0 / 3) < 1e-6 })
  }

  @Test func dropoutIsAFunctionOfSeedAndStep() {
    let data = Self.dropoutCase.data
    let again = Self.dropoutCase.op.reference(data)[0]
    #expect(again == Self.dropoutCase.op.reference(data)[0])
    let later = [data[0], TensorData([2], [Int32(5), 10])]
    #expect(again != Self.dropoutCase.op.reference(later)[0])
  }

  @Test func philoxGivesThePublishedNumbers() {
    // Known answers of the authors' Random123 distribution for philox4x32-10.
    #expect(
      Philox.block(counter: [0, 0, 0, 0], key: [0, 0])
        == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    let ones = UInt32.max
    #expect(
      Philox.block(counter: [ones, ones, ones, ones], key: [ones, ones])
        == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
  }

  @Test(arguments: Target.all) func numbersThatAreLostStayLost(target: Target) throws {
    let x = TensorData([1, 33], [Float](repeating: .nan, count: 33))
    let formulas: [(Tensor) -> Tensor] = [
      { $0.tanh() }, { $0.gelu() }, { $0.silu() }, { $0.relu() }, { $0.maximum(.constant(1)) },
    ]
    for formula in formulas {
      let feeds = inputs([x])
      let y = try evaluate([formula(feeds[0].tensor)], feeds, on: target.open())[0].floats
      #expect(y.allSatisfy { $0.isNaN })
    }
  }

  @Test(arguments: Target.all) func whatIsNotSelectedDoesNotCount(target: Target) throws {
    let lost = TensorData([1, 33], (0..<33).map { $0 % 2 == 0 ? Float.nan : .infinity })
    let some = TensorData([1, 33], (0..<33).map { Float($0) })
    for (sign, expected) in [(-1, some), (1, some)] as [(Float, TensorData)] {
      let feeds = inputs([TensorData([1, 33], [Float](repeating: sign, count: 33)), lost, some])
      let (condition, bad, good) = (feeds[0].tensor, feeds[1].tensor, feeds[2].tensor)
      let y =
        sign > 0
        ? Tensor.select(condition, good, otherwise: bad)
        : Tensor.select(condition, bad, otherwise: good)
      let slope = gradients(of: (y * y).sum(), withRespectTo: [good])[0]
      let found = try evaluate([y, slope], feeds, on: target.open())
      #expect(found[0] == expected)
      #expect(found[1].floats == some.floats.map { 2 * $0 })
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases + [Self.dropoutCase], on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    let failures = try narrowKernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
