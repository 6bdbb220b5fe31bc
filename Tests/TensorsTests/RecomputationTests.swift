// Values that are computed again: the same bits in less memory.
import Checks
import Testing

@testable import Tensors

@Suite struct RecomputationTests {
  /// A chain of blocks with a residual stream, its loss, and the gradients of all weights.
  private struct Chain {
    let graph: Graph
    let feeds: [Feed]
    let blockCount: Int

    init(seed: UInt64) {
      var random = RandomData(seed: seed)
      blockCount = 3 + random.integer(below: 4)
      let (rows, width) = (64 + random.integer(below: 32), [8, 16][random.integer(below: 2)])
      var feeds = inputs([
        random.floats([rows, width]), random.floats([width, width], -0.3...0.3),
      ])
      let table = inputs([random.floats([rows, 1], 0.5...1)])
      var x = feeds[0].tensor.matmul(feeds[1].tensor)
      // What all blocks read.
      let common = table[0].tensor.exp()
      for _ in 0..<blockCount {
        let weights = inputs([
          random.floats([width]), random.floats([width, 2 * width], -0.3...0.3),
          random.floats([2 * width, width], -0.3...0.3),
        ])
        let inner = x.rmsNormalized(gain: weights[0].tensor, epsilon: 1e-2)
          .matmul(weights[1].tensor)
        switch random.integer(below: 3) {
        case 0: x = x + inner.gelu().matmul(weights[2].tensor) * common
        case 1: x = x + (inner.silu() * inner.tanh() + inner).matmul(weights[2].tensor)
        default: x = (x + inner.softmax().matmul(weights[2].tensor)) * common
        }
        feeds += weights
      }
      let loss = (x.rmsNormalized(gain: feeds[2].tensor, epsilon: 1e-2) * x).sum()
      let slopes = gradients(of: loss, withRespectTo: feeds.map(\.tensor))
      self.feeds = feeds + table
      graph = Graph(outputs: [loss] + slopes, forward: [loss])
    }

    func run(
      _ recomputation: Recomputation, on device: any Device = ReferenceDevice(),
      poisons: Bool = false
    ) throws -> (values: [TensorData], peak: Int, flops: Double, violations: [String]) {
      let store = VariableStore(on: device, seed: 1)
      var options = GraphExecutor.Options(poisonsFreedMemory: poisons)
      options.recomputation = recomputation
      let executor = try GraphExecutor(graph, on: store, options: options)
      for feed in feeds { try executor.set(feed.tensor, to: feed.data) }
      try executor.run()
      return (
        try graph.outputs.map(executor.value), executor.plan.lowerBound,
        executor.graph.applications.reduce(0) { $0 + $1.flopCount }, executor.plan.violations()
      )
    }
  }

  @Test(arguments: 1...24) func theSameBitsInLessMemory(seed: UInt64) throws {
    let chain = Chain(seed: seed)
    let plain = try chain.run(.none)
    let all = try chain.run(.all)
    #expect(all.peak < plain.peak && all.flops > plain.flops, "\(all.peak) of \(plain.peak)")
    #expect(all.flops <= 1.34 * plain.flops)
    for recomputation in [Recomputation.all, .auto] + (0...7).map(Recomputation.parts) {
      let run = try chain.run(recomputation, poisons: true)
      #expect(run.values == plain.values, "\(recomputation)")
      #expect(run.violations == [])
    }
  }

  @Test(arguments: 1...12) func aPartIsBetweenPlacesWhereOneValueGoesOn(seed: UInt64) throws {
    let chain = Chain(seed: seed)
    let rewritten = chain.graph.rewritten()
    let plan = rewritten.recomputationPlan()
    // The stretch behind the last block, with the loss, is none.
    #expect(plan.levels.upperBound == 2 * chain.blockCount)
    // Every level is a valid graph; arithmetic rises from level to level, in the lower half not at all.
    let flops = plan.levels.map { level in
      rewritten.recomputing(plan, level: level).applications.reduce(0) { $0 + $1.flopCount }
    }
    #expect(flops == flops.sorted())
    #expect(flops[chain.blockCount] == flops[0])
    for level in plan.levels {
      let graph = rewritten.recomputing(plan, level: level)
      var made: Set<Tensor.Identity> = Set(graph.leaves.map(\.identity))
      for application in graph.applications {
        #expect(application.operands.allSatisfy { made.contains($0.identity) })
        made.formUnion(application.results.map(\.identity))
      }
    }
  }

  /// A device with too little memory for all values gets what fits it, and no more is computed again than has to be.
  @Test func autoFitsTheDevice() throws {
    let chain = Chain(seed: 3)
    func total(_ recomputation: Recomputation, _ device: any Device) throws -> (Int, Double) {
      var options = GraphExecutor.Options()
      options.recomputation = recomputation
      let executor = try GraphExecutor(
        chain.graph, on: VariableStore(on: device, seed: 1), options: options)
      let leaves = executor.graph.leaves.filter { !$0.isVariable }
      return (
        executor.plan.peak + leaves.reduce(0) { $0 + $1.type.byteCount },
        executor.graph.applications.reduce(0) { $0 + $1.flopCount }
      )
    }
    let (plain, all) = (
      try total(.none, ReferenceDevice()), try total(.all, ReferenceDevice())
    )
    #expect(all.0 < plain.0)
    for room in [plain.0, (plain.0 + all.0) / 2, all.0] {
      let found = try total(.auto, ReferenceDevice(memoryBytes: room))
      #expect(found.0 <= room)
      #expect(found.1 < all.1 || room < (plain.0 + all.0) / 2)
    }
    #expect(try total(.auto, ReferenceDevice(memoryBytes: plain.0)).1 == plain.1)
    #expect(throws: MemoryError.self) {
      try total(.auto, ReferenceDevice(memoryBytes: all.0 / 2))
    }
  }

  @Test(arguments: Target.all) func devicesGiveTheBitsThatTheyGaveBefore(target: Target) throws {
    let device = try target.open()
    for seed in 1...4 as ClosedRange<UInt64> {
      let chain = Chain(seed: seed)
      let plain = try chain.run(.none, on: device)
      #expect(try chain.run(.all, on: device, poisons: true).values == plain.values)
      #expect(try chain.run(.parts(1), on: device, poisons: true).values == plain.values)
    }
  }

  /// Random graphs have no parts, or odd ones.
  @Test(arguments: 1...30) func anyGraphStaysWhatItWas(seed: UInt64) throws {
    let random = RandomGraph(seed: seed)
    let graph = Graph(outputs: random.outputs, forward: [random.outputs[0]])
    func run(_ recomputation: Recomputation) throws -> [TensorData] {
      var options = GraphExecutor.Options(poisonsFreedMemory: true)
      options.recomputation = recomputation
      let executor = try GraphExecutor(
        graph, on: VariableStore(on: ReferenceDevice(), seed: 1), options: options)
      for feed in random.feeds { try executor.set(feed.tensor, to: feed.data) }
      try executor.run()
      #expect(executor.plan.violations() == [])
      return try graph.outputs.map(executor.value)
    }
    #expect(try run(.all) == run(.none))
  }
}
