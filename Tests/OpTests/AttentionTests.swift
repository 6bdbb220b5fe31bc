// Attention: causal and full, grouped queries, every head size.
import Checks
import Testing

@testable import Tensors

@Suite struct AttentionTests {
  /// B, TQ, TK, H, G, D, causal
  static let sizes: [(Int, Int, Int, Int, Int, Int, Bool)] = [
    (1, 1, 1, 1, 1, 32, true), (2, 7, 7, 4, 2, 32, true), (1, 65, 65, 2, 1, 64, true),
    (1, 70, 130, 2, 2, 64, true), (2, 33, 50, 2, 1, 40, false), (1, 130, 130, 1, 1, 128, true),
    (1, 9, 20, 6, 2, 96, false), (1, 5, 5, 1, 1, 6, true),
  ]

  static let cases: [OpCase] = {
    var random = RandomData(seed: 91)
    return sizes.flatMap { b, tq, tk, h, g, d, isCausal -> [OpCase] in
      let op = Attention(isCausal: isCausal, scale: 1 / Float(d).squareRoot())
      let (q, kv): (Shape, Shape) = ([b, tq, h, d], [b, tk, g, d])
      let data = [random.floats(q, -2...2), random.floats(kv, -2...2), random.floats(kv)]
      let results = op.reference(data)
      return [
        OpCase(op, data),
        OpCase(
          AttentionGradient(isCausal: isCausal, scale: op.scale),
          data + results + [random.floats(q)]),
      ]
    }
  }()

  @Test func agreesWithPyTorch() throws {
    for (name, isCausal) in [("attention_causal", true), ("attention_full", false)] {
      #expect(
        try goldenError(name, ["q", "k", "v"]) {
          $0[0].attention(keys: $0[1], values: $0[2], isCausal: isCausal)
        } < 1e-5)
    }
  }

  @Test func ofEqualValuesIsThatValue() throws {
    var random = RandomData(seed: 92)
    let q = random.floats([1, 5, 2, 8])
    let v = TensorData(q.shape, [Float](repeating: 0.25, count: q.type.elementCount))
    let out = Attention(isCausal: true, scale: 1).reference([q, q, v])[0].floats
    #expect(out.allSatisfy { abs($0 - 0.25) < 1e-6 })
  }

  @Test func doesNotSeeTheFuture() throws {
    var random = RandomData(seed: 93)
    let (q, k, v) = (
      random.floats([1, 6, 1, 8]), random.floats([1, 6, 1, 8]), random.floats([1, 6, 1, 8])
    )
    let op = Attention(isCausal: true, scale: 1)
    var changed = v.floats
    for i in 40..<48 { changed[i] += 9 }
    let before = op.reference([q, k, v])[0].floats
    let after = op.reference([q, k, TensorData(v.shape, changed)])[0].floats
    #expect(before[..<40] == after[..<40])
    #expect(before[40...] != after[40...])
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases where item.op is Attention && item.data[0].type.elementCount < 3000 {
      #expect(try gradientError(item) < 4e-3, "\(item)")
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

  @Test func scratchIsLinearInTheSequenceLength() {
    let traits = DeviceTraits(
      family: .cpu, vectorWidth: 16, lanes: 1, computeUnits: 2, maximumWorkGroupSize: 1,
      localMemoryBytes: 0, memoryBytes: 1 << 40, maximumAllocationBytes: 1 << 40, alignmentBytes: 64
    )
    func scratch(_ t: Int) -> Int {
      let x = TensorType([1, t, 2, 64])
      let all = [x, x, x, x, TensorType([1, 2, t]), x]
      return AttentionGradient(isCausal: true, scale: 1).launches(all, on: traits).scratch.reduce(
        0, +)
    }
    #expect(scratch(4096) == 4 * scratch(1024))
  }
}
