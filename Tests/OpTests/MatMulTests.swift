// Matrix products: four transposes, batches, epilogues.
import Checks
import OpenCLBackend
import Testing

@testable import Tensors

@Suite struct MatMulTests {
  /// Products with every combination of transposes; sizes around and across the tiles.
  static let cases: [OpCase] = {
    var random = RandomData(seed: 5)
    var cases: [OpCase] = []
    let sizes = [
      (1, 1, 1), (3, 5, 7), (12, 32, 16), (13, 33, 17), (65, 130, 300), (200, 257, 64),
      // Few rows: of one block of columns, of several, with and without a rest.
      (1, 400, 70), (2, 1030, 33), (6, 129, 64), (8, 262, 50),
    ]
    for (m, n, k) in sizes {
      for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
        cases.append(
          OpCase(
            MatMul(transposeA: ta, transposeB: tb),
            [random.floats(ta ? [k, m] : [m, k]), random.floats(tb ? [n, k] : [k, n])]))
      }
    }
    for (ta, tb) in [(false, false), (false, true), (true, false)] {
      let op = MatMul(transposeA: ta, transposeB: tb)
      let (a, b): (Shape, Shape) = (ta ? [3, 9, 20] : [3, 20, 9], tb ? [3, 40, 9] : [3, 9, 40])
      cases.append(OpCase(op, [random.floats(a), random.floats(b)]))
      if !ta {
        cases.append(
          OpCase(op, [random.floats(a), random.floats(Shape(Array(b.extents.dropFirst())))]))
      }
    }
    return cases
  }()

  /// relu(product + bias) * residual, over widths that are and are not whole vectors.
  static let epilogueCases: [OpCase] = {
    var random = RandomData(seed: 6)
    return [(25, 64, 19), (30, 50, 33), (2, 70, 40), (1, 600, 20), (8, 130, 36)].map { m, n, k in
      let formula =
        Expression.binary(.maximum, .operand(0) + .operand(1), .constant(0)) * .operand(2)
      let op = MatMul(
        transposeA: false, transposeB: m == 2,
        epilogue: .init(expression: formula, reads: [.full, .suffix(count: n), .full]))
      return OpCase(
        op,
        [
          random.floats([m, k]), random.floats(m == 2 ? [n, k] : [k, n]), random.floats([n]),
          random.floats([m, n]),
        ])
    }
  }()

  @Test func identityChangesNothing() {
    var random = RandomData(seed: 7)
    let x = random.floats([3, 4])
    let identity = TensorData([4, 4], (0..<16).map { $0 % 5 == 0 ? Float(1) : 0 })
    #expect(MatMul(transposeA: false, transposeB: false).reference([x, identity])[0] == x)
  }

  @Test func agreesWithPyTorch() throws {
    #expect(
      try goldenError("matmul_nt", ["a", "b"]) { $0[0].matmul($0[1], transposeOther: true) } < 1e-5)
    #expect(try goldenError("matmul_batched", ["a", "b"]) { $0[0].matmul($0[1]) } < 1e-5)
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases where item.data[0].type.elementCount < 600 {
      #expect(try gradientError(item) < 1e-3, "\(item)")
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases + Self.epilogueCases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    let failures = try narrowKernelFailures(Self.cases + Self.epilogueCases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  /// Every plan that the tuner starts from; with so many compute units that the GPU's kernel splits K.
  @Test(arguments: Target.all) func kernelsMatchWithEveryPlan(target: Target) throws {
    var random = RandomData(seed: 8)
    // More than one slice of K; the smaller sizes are for simulators. Two layouts show every kernel.
    let cases = [(30, 70, 600), (7, 33, 290)].flatMap { m, n, k in
      [(false, true), (true, false)].map { ta, tb in
        OpCase(
          MatMul(transposeA: ta, transposeB: tb, epilogue: .adding),
          [
            random.floats(ta ? [k, m] : [m, k]), random.floats(tb ? [n, k] : [k, n]),
            random.floats([m, n]),
          ])
      }
    }
    var traits = target.traits
    traits.computeUnits = 64
    let candidates = traits.matMulCandidates
    #expect(!candidates.isEmpty)
    for plan in candidates {
      for item in cases {
        for problem in item.op.products(item.data.map(\.type)) {
          traits.tuning.products[problem] = plan
        }
      }
      let failures = try kernelFailures(cases, on: target.open(traits))
      #expect(failures.isEmpty, "\(plan): \(failures)")
    }
  }

  /// Right operands cut along N and along K, with batches, blocks and an epilogue whose operand lies where the product does; the left
  /// one packed for all and by each work-item.
  @Test(arguments: Target.all.filter { $0.family == .cpu }) func kernelsMatchInPieces(
    target: Target
  ) throws {
    var random = RandomData(seed: 10)
    let shapes = [(m: 12, n: 150, k: 40), (m: 10, n: 30, k: 280), (m: 11, n: 33, k: 260)]
    let cases = shapes.flatMap { m, n, k in
      [(false, true), (true, false)].map { ta, tb in
        OpCase(
          MatMul(transposeA: ta, transposeB: tb, epilogue: .adding),
          [
            random.floats(ta ? [k, m] : [m, k]), random.floats(tb ? [n, k] : [k, n]),
            random.floats([m, n]),
          ])
      } + [
        OpCase(
          MatMul(transposeA: false, transposeB: false),
          [random.floats([2, m, k]), random.floats([2, k, n])])
      ]
    }
    let blocks = [(9, 160, true), (9, 160, false)].map { m, rows, transposed in
      OpCase(
        MatMul(transposeA: false, transposeB: transposed),
        [random.floats([m, transposed ? 64 : rows]), random.matrix([rows, 64], as: .nf4)])
    }
    for blockPanels in [1, 8] {
      var traits = target.traits
      traits.packedBytes = 6000
      for item in cases + blocks {
        for problem in item.op.products(item.data.map(\.type)) {
          traits.tuning.products[problem] = .panels(
            .init(rows: 4, vectors: 1, depth: 64, blockTiles: 8, blockPanels: blockPanels))
        }
        let launches = Application(item.op, inputs(item.data).map(\.tensor)).launches(on: traits)
        let right = item.data[1].type.elementCount
        #expect(launches.calls.count > 3 && launches.scratch[0] < 3 * right, "\(item)")
      }
      let failures = try kernelFailures(cases + blocks, on: target.open(traits))
      #expect(failures.isEmpty, "\(failures)")
    }
  }

  /// Every unit's fragments, with ordinary instructions in the place of the unit's own; small and large
  /// tiles, and K split.
  @Test(arguments: Target.all.filter { $0.family == .gpu }) func kernelsMatchWithMatrixUnits(
    target: Target
  ) throws {
    var random = RandomData(seed: 9)
    let flags = [(false, false), (false, true), (true, false), (true, true)]
    func cases(_ sizes: [(Int, Int, Int)], _ flags: ArraySlice<(Bool, Bool)>) -> [OpCase] {
      sizes.flatMap { m, n, k in
        flags.map { ta, tb in
          OpCase(
            MatMul(transposeA: ta, transposeB: tb, epilogue: .adding),
            [
              random.floats(ta ? [k, m] : [m, k]), random.floats(tb ? [n, k] : [k, n]),
              random.floats([m, n]),
            ])
        }
      }
    }
    // With many compute units tiles are small and K is split, with one they are large.
    // Slices of K are the same products in every layout: an interpreter sees those of one.
    let slices = cases([(8, 8, 600)], target.isInterpreter ? flags[1...1] : flags[...])
    let settings = [
      (computeUnits: 64, storage: .bfloat16, cases([(9, 11, 13)], flags[...]) + slices),
      (1, ElementType.float16, cases([(36, 40, 96), (137, 130, 50)], flags[1...2])),
    ]
    // Tiles that are copied as they lie (`UnitTilesTests` says which these are), small ones alone for an interpreter.
    let direct = [
      (64, cases([(24, 16, 40)], flags[...])), (1, cases([(136, 264, 104)], flags[...])),
      (4, cases([(136, 72, 72), (136, 72, 50)], flags[2...2])),
    ]
    var traits = target.traits
    for (computeUnits, cases) in direct.prefix(target.isInterpreter ? 1 : 3) {
      traits.matrixUnit = MatrixUnit(.nvidia, isEmulated: true)
      traits.computeUnits = computeUnits
      let device = try target.open(traits)
      let failures = try kernelFailures(cases, on: device, tolerance: 1e-3, storage: .bfloat16)
      #expect(failures.isEmpty, "direct: \(failures)")
    }
    for kind in target.share(of: MatrixUnit.Kind.allCases) {
      // Large tiles are small ones side by side: an interpreter sees those of three units.
      let isSmallOnly = target.isInterpreter && ![.nvidia, .turing, .rdna3].contains(kind)
      for (computeUnits, storage, cases) in settings.prefix(isSmallOnly ? 1 : 2)
      where kind.types.contains(storage) {
        traits.matrixUnit = MatrixUnit(kind, isEmulated: true)
        traits.computeUnits = computeUnits
        let device = try target.open(traits)
        let failures = try kernelFailures(cases, on: device, tolerance: 1e-3, storage: storage)
        #expect(failures.isEmpty, "\(kind): \(failures)")
      }
    }
  }

  @Test func aTunedPlanServesItsNeighbours() {
    let problem = MatMulProblem(m: 2048, n: 384, k: 384, transposeA: false, transposeB: true)
    let plan = MatMulPlan.panels(.init(rows: 8, vectors: 3))
    let tuning = Tuning([problem: plan])
    func found(_ m: Int, _ n: Int, _ transposeB: Bool) -> MatMulPlan? {
      tuning.plan(
        for: MatMulProblem(m: m, n: n, k: 384, transposeA: false, transposeB: transposeB))
    }
    #expect(found(2048, 384, true) == plan)
    #expect(found(4096, 512, true) == plan)
    #expect(found(2048, 384, false) == nil)
    #expect(found(64, 384, true) == nil)
  }
}
