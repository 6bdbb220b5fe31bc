// Attention: causal and full, grouped queries, every head size.
import Checks
import OpenCLBackend
import Testing

@testable import Tensors

@Suite struct AttentionTests {
  /// B, TQ, TK, H, G, D, mask, and how many keys count in each batch.
  ///
  /// Head size, mask, window and what is seen are constants of the kernels: few of them, each with many lengths, so
  /// that compilers have less to do.
  static let sizes: [(Int, Int, Int, Int, Int, Int, AttentionMask, [Int32]?)] = [
    (1, 1, 1, 1, 1, 64, .causal, nil), (2, 7, 7, 4, 2, 64, .causal, nil),
    (1, 65, 65, 2, 1, 64, .causal, nil), (1, 70, 130, 2, 2, 64, .causal, nil),
    (2, 33, 50, 2, 1, 40, .full, nil), (1, 130, 130, 1, 1, 128, .causal, nil),
    (1, 9, 20, 6, 2, 40, .full, nil), (1, 5, 5, 1, 1, 6, .causal, nil),
    (2, 40, 40, 2, 1, 16, .causal(window: 1), nil), (1, 9, 9, 2, 2, 16, .causal(window: 1), nil),
    (1, 150, 150, 2, 2, 32, .causal(window: 40), nil), (3, 21, 21, 2, 2, 16, .full, [1, 21, 13]),
    (2, 100, 100, 4, 2, 16, .full, [100, 3]), (2, 5, 70, 2, 1, 64, .causal, [5, 69]),
    (3, 1, 40, 4, 2, 64, .causal, [1, 40, 17]), (2, 1, 90, 2, 2, 16, .causal(window: 33), [90, 8]),
    (1, 1, 6, 2, 1, 16, .causal(window: 33), [5]), (1, 20, 40, 2, 1, 40, .full, nil),
    // More keys than a CPU's kernels take at once.
    (1, 600, 600, 1, 1, 8, .causal(window: 560), nil), (2, 20, 1100, 2, 1, 16, .full, [1100, 530]),
    (1, 560, 1080, 1, 1, 64, .causal, nil),
  ]

  /// Rows of several texts: B, H, G, D, the texts' lengths in every batch, and the window.
  static let packed: [(Int, Int, Int, Int, [Int], Int?)] = [
    (2, 2, 1, 64, [1, 40, 2, 30], nil), (1, 2, 2, 16, [33, 64, 3], 20), (1, 1, 1, 6, [5], nil),
    (1, 1, 1, 64, [530, 40, 550], nil), (3, 2, 2, 64, [6, 6, 6, 1], nil),
  ]

  static let packedCases: [OpCase] = {
    var random = RandomData(seed: 95)
    return packed.flatMap { b, h, g, d, lengths, window -> [OpCase] in
      let t = lengths.reduce(0, +)
      let op = Attention(mask: .causal(window: window), score: .standard(headSize: d))
      let data = [
        random.floats([b, t, h, d], -2...2), random.floats([b, t, g, d], -2...2),
        random.floats([b, t, g, d]),
      ]
      // The batches have the texts in turned orders.
      let segments = (0..<b).flatMap { batch -> [Int32] in
        let order = lengths[(batch % lengths.count)...] + lengths[..<(batch % lengths.count)]
        var start = 0
        return order.flatMap { length -> [Int32] in
          defer { start += length }
          return (0..<length).flatMap { _ in [Int32(start), Int32(start + length - 1)] }
        }
      }
      let visibility = [TensorData([b, t, 2], segments)]
      return [
        OpCase(op, data + visibility),
        OpCase(
          AttentionGradient(mask: op.mask, score: op.score),
          data + op.reference(data + visibility) + [random.floats([b, t, h, d])] + visibility),
      ]
    }
  }()

  /// Scores that most of them would exceed have a cap, under every mask and in every kernel.
  static let cappedSizes: [(Int, Int, Int, Int, Int, Int, AttentionMask, [Int32]?)] = [
    (1, 20, 40, 2, 1, 40, .full, nil), (2, 7, 7, 4, 2, 16, .causal(window: 3), nil),
    (2, 1, 90, 2, 2, 16, .causal, [90, 8]), (1, 70, 70, 4, 4, 16, .causal, nil),
  ]

  static let cases: [OpCase] = cases(of: sizes, cap: nil, seed: 91)
  static let cappedCases: [OpCase] = cases(of: cappedSizes, cap: 1.5, seed: 97)

  private static func cases(
    of sizes: [(Int, Int, Int, Int, Int, Int, AttentionMask, [Int32]?)], cap: Float?, seed: UInt64
  ) -> [OpCase] {
    var random = RandomData(seed: seed)
    return sizes.flatMap { b, tq, tk, h, g, d, mask, lengths -> [OpCase] in
      let op = Attention(
        mask: mask, score: .init(scale: 1 / Float(d).squareRoot(), cap: cap))
      let (q, kv): (Shape, Shape) = ([b, tq, h, d], [b, tk, g, d])
      let data = [random.floats(q, -2...2), random.floats(kv, -2...2), random.floats(kv)]
      let counts = lengths.map { [TensorData([b], $0)] } ?? []
      let results = op.reference(data + counts)
      return [
        OpCase(op, data + counts),
        OpCase(
          AttentionGradient(mask: mask, score: op.score),
          data + results + [random.floats(q)] + counts),
      ]
    }
  }

  /// Batches that read rows of a cache: B, TQ, TK, H, G, D, the mask, and for each batch how many keys count, and the row.
  static let referredCases: [OpCase] = {
    var random = RandomData(seed: 98)
    let sizes: [(Int, Int, Int, Int, Int, Int, AttentionMask, [Int32])] = [
      (1, 1, 40, 2, 1, 16, .causal, [33, 2]),
      (3, 1, 90, 4, 2, 16, .causal(window: 20), [90, 3, 1, 0, 64, 3]),
      (1, 24, 70, 2, 2, 16, .causal, [50, 1]), (2, 7, 40, 4, 2, 40, .causal, [40, 3, 9, 0]),
      (2, 70, 90, 2, 1, 64, .causal, [90, 2, 71, 1]),
    ]
    return sizes.map { b, tq, tk, h, g, d, mask, visibility in
      let op = Attention(mask: mask, score: .standard(headSize: d))
      let kv: Shape = [4, tk, g, d]
      return OpCase(
        op,
        [
          random.floats([b, tq, h, d], -2...2), random.floats(kv, -2...2), random.floats(kv),
          TensorData([b, 2], visibility),
        ])
    }
  }()

  @Test func aRowOfACacheIsReadAsIfItWereAlone() throws {
    for test in Self.referredCases {
      let visibility = test.data[3].integers
      let whole = test.op.reference(test.data)[0].floats
      let (q, kv) = (test.data[0], test.data[1].shape)
      let width = q.shape.extents.dropFirst().reduce(1, *)
      let size = kv.extents.dropFirst().reduce(1, *)
      for b in 0..<q.shape[0] {
        func row(_ data: TensorData, _ row: Int, _ size: Int) -> TensorData {
          TensorData(
            Shape([1] + data.shape.extents.dropFirst()),
            Array(data.floats[row * size..<(row + 1) * size]))
        }
        let place = Int(visibility[2 * b + 1])
        let alone = test.op.reference([
          row(q, b, width), row(test.data[1], place, size), row(test.data[2], place, size),
          TensorData([1], [visibility[2 * b]]),
        ])[0].floats
        #expect(Array(whole[b * width..<(b + 1) * width]) == alone)
      }
    }
  }

  @Test func agreesWithPyTorch() throws {
    let masks = [("attention_causal", AttentionMask.causal), ("attention_full", .full)]
    for (name, mask) in masks {
      #expect(
        try goldenError(name, ["q", "k", "v"]) {
          $0[0].attention(keys: $0[1], values: $0[2], mask: mask)
        } < 1e-5)
    }
  }

  @Test func ofEqualValuesIsThatValue() throws {
    var random = RandomData(seed: 92)
    let q = random.floats([1, 5, 2, 8])
    let v = TensorData(q.shape, [Float](repeating: 0.25, count: q.type.elementCount))
    let out = Attention(mask: .causal, score: .init(scale: 1)).reference([q, q, v])[0].floats
    #expect(out.allSatisfy { abs($0 - 0.25) < 1e-6 })
  }

  @Test func doesNotSeeTheFuture() throws {
    var random = RandomData(seed: 93)
    let (q, k, v) = (
      random.floats([1, 6, 1, 8]), random.floats([1, 6, 1, 8]), random.floats([1, 6, 1, 8])
    )
    let op = Attention(mask: .causal, score: .init(scale: 1))
    var changed = v.floats
    for i in 40..<48 { changed[i] += 9 }
    let before = op.reference([q, k, v])[0].floats
    let after = op.reference([q, k, TensorData(v.shape, changed)])[0].floats
    #expect(before[..<40] == after[..<40])
    #expect(before[40...] != after[40...])
  }

  @Test func seesOnlyTheWindowAndTheKeysThatCount() throws {
    var random = RandomData(seed: 94)
    let x = random.floats([2, 6, 1, 8])
    func out(_ mask: AttentionMask, _ values: TensorData, _ lengths: [Int32]) -> [Float] {
      Attention(mask: mask, score: .init(scale: 1)).reference([
        x, x, values, TensorData([2], lengths),
      ])[0].floats
    }
    // The third value of the first batch is changed.
    var changed = x.floats
    for i in 16..<24 { changed[i] += 9 }
    let other = TensorData(x.shape, changed)
    let windowed = zip(out(.causal(window: 2), x, [6, 6]), out(.causal(window: 2), other, [6, 6]))
    let rows = windowed.enumerated().filter { $1.0 != $1.1 }.map { $0.offset / 8 }
    #expect(Set(rows) == [2, 3])
    #expect(out(.full, x, [2, 6]) == out(.full, other, [2, 6]))
    #expect(out(.full, x, [3, 6]) != out(.full, other, [3, 6]))
  }

  @Test func textsInOneRowSeeAsMuchAsEachAlone() throws {
    var random = RandomData(seed: 96)
    let (q, k, v) = (
      random.floats([1, 7, 2, 8]), random.floats([1, 7, 2, 8]), random.floats([1, 7, 2, 8])
    )
    let op = Attention(mask: .causal, score: .init(scale: 0.5))
    let segments = TensorData([1, 7, 2], [0, 2, 0, 2, 0, 2, 3, 6, 3, 6, 3, 6, 3, 6] as [Int32])
    let together = op.reference([q, k, v, segments])[0].floats
    let alone = [(0, 3), (3, 4)].flatMap { start, count in
      op.reference(
        [q, k, v].map {
          TensorData([1, count, 2, 8], Array($0.floats[start * 16..<(start + count) * 16]))
        })[0].floats
    }
    #expect(together == alone)
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases + Self.packedCases + Self.cappedCases
    where item.op is Attention && item.data[0].type.elementCount < 3000 {
      #expect(try gradientError(item) < 4e-3, "\(item)")
    }
  }

  /// What a target tests: a processor's kernels of every setting that is a constant of them, a GPU's of its share.
  private static func cases(on target: Target) -> [OpCase] {
    let all = cases + packedCases + referredCases
    guard target.family == .gpu else { return all + cappedCases }
    func setting(_ item: OpCase) -> String {
      let mask = (item.op as? Attention)?.mask ?? (item.op as? AttentionGradient)?.mask
      return "\(item.data[0].shape[3]) \(String(describing: mask))"
    }
    let settings = all.map(setting).reduce(into: [String]()) { known, next in
      if !known.contains(next) { known.append(next) }
    }
    let own = target.share(of: settings)
    return all.filter { own.contains(setting($0)) } + target.share(of: cappedCases)
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    // With one unit a work-item of a CPU owns whole heads, with 64 only runs of their rows.
    for units in target.family == .cpu ? [1, 64] : [64] {
      var traits = target.traits
      traits.computeUnits = units
      let failures = try kernelFailures(Self.cases(on: target), on: target.open(traits))
      #expect(failures.isEmpty, "\(units) units: \(failures)")
    }
  }

  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    let failures = try narrowKernelFailures(
      Self.cases + Self.packedCases + Self.cappedCases + Self.referredCases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  /// Parts of a head as processors with AVX2 sum them, whatever this one has: two vectors of 8 at a time, of heads of five and of eight.
  @Test(arguments: Target.all.filter { $0.family == .cpu }) func headsAreSummedInParts(
    target: Target
  ) throws {
    var random = RandomData(seed: 23)
    var traits = target.traits
    traits.vectorWidth = 8
    let op = Attention(mask: .causal, score: .init(scale: 0.2))
    let cases = [40, 64].flatMap { d -> [OpCase] in
      let data = [[1, 9, 2, d], [1, 11, 1, d], [1, 11, 1, d]].map { random.floats(Shape($0)) }
      return [
        OpCase(op, data),
        OpCase(
          AttentionGradient(mask: op.mask, score: op.score),
          data + op.reference(data) + [random.floats([1, 9, 2, d])]),
      ]
    }
    for item in cases {
      let parts = item.op.launches(item.data.map(\.type), on: traits).calls.map { $0.defines["EV"] }
      // NEON has twice the registers.
      #expect(Set(parts).isSubset(of: [2, 3, 4]) && !parts.isEmpty)
    }
    let failures = try kernelFailures(cases, on: target.open(traits))
    #expect(failures.isEmpty, "\(failures)")
  }

  /// Heads of 256 and of 128 where no block of them fits: then without local memory.
  @Test(arguments: Target.all.filter { $0.family == .gpu }) func largeHeadsNeedNoLocalMemory(
    target: Target
  ) throws {
    var random = RandomData(seed: 21)
    var traits = target.traits
    traits.matrixUnit = nil
    for (d, localMemoryBytes) in target.share(of: [(256, 32 << 10), (128, 8 << 10)]) {
      traits.localMemoryBytes = localMemoryBytes
      #expect(AttentionTiles.backward(d, [.float32, .float32, .float32, .float32], traits) == nil)
      let (q, k, v) = (
        random.floats([1, 9, 2, d]), random.floats([1, 11, 1, d]), random.floats([1, 11, 1, d])
      )
      let forward = Attention(mask: .causal, score: .init(scale: 0.1))
      let cases = [
        OpCase(forward, [q, k, v]),
        OpCase(
          AttentionGradient(mask: .causal, score: .init(scale: 0.1)),
          [q, k, v] + forward.reference([q, k, v]) + [random.floats([1, 9, 2, d])]),
      ]
      let failures = try kernelFailures(cases, on: target.open(traits))
      #expect(failures.isEmpty, "\(d): \(failures)")
    }
  }

  /// Every unit's fragments, with ordinary instructions in the place of the unit's own. Weights are rounded
  /// to 16 bits, as operands of a product.
  @Test(arguments: Target.all.filter { $0.family == .gpu }) func kernelsMatchWithMatrixUnits(
    target: Target
  ) throws {
    func cases(_ q: Shape) -> [OpCase] {
      (Self.cases + Self.cappedCases).filter { $0.data[0].shape == q }
    }
    let small = cases([1, 20, 2, 40]) + Self.referredCases.filter { $0.data[0].shape[3] == 40 }
    let settings: [(MatrixUnit.Kind, ElementType, [OpCase])] = [
      (.nvidia, .bfloat16, small + cases([1, 150, 2, 32])), (.rdna3, .float16, small),
      (.intel8, .bfloat16, small), (.intel16, .float16, small),
      (.rdna4, .bfloat16, small), (.cdna, .float16, small),
    ]
    // What differs in the others is how fragments lie in registers, which products show.
    for (kind, storage, cases) in target.isInterpreter
      ? [settings[1]] : target.share(of: settings)
    {
      var traits = target.traits
      traits.matrixUnit = MatrixUnit(kind, isEmulated: true)
      for item in cases {
        let types = item.data.map { TensorType($0.shape, storage) }
        let calls = item.op.launches(types, on: traits).calls
        #expect(calls.contains { $0.defines["UNITS"] == 1 }, "\(item) does not use \(kind)")
      }
      let failures = try kernelFailures(
        cases, on: target.open(traits),
        tolerance: storage == .bfloat16 ? 6e-3 : 1e-3, storage: storage)
      #expect(failures.isEmpty, "\(kind): \(failures)")
    }
  }

  @Test func scratchIsLinearInTheSequenceLength() {
    // More units than heads, so that there is scratch at all.
    let traits = DeviceTraits(
      family: .cpu, vectorWidth: 16, lanes: 1, computeUnits: 64, maximumWorkGroupSize: 1,
      localMemoryBytes: 0, memoryBytes: 1 << 40, maximumAllocationBytes: 1 << 40, alignmentBytes: 64
    )
    func scratch(_ t: Int) -> Int {
      let x = TensorType([1, t, 2, 64])
      let all = [x, x, x, x, TensorType([1, 2, t]), x]
      return AttentionGradient(mask: .causal, score: .init(scale: 1)).launches(all, on: traits)
        .scratch.reduce(
          0, +)
    }
    #expect(scratch(1024) > 0)
    #expect(scratch(4096) == 4 * scratch(1024))
  }
}
