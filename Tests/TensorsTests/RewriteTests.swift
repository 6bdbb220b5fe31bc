// Rewritten graphs compute the same, with fewer launches.
import Checks
import Testing

@testable import Tensors

@Suite struct RewriteTests {
  @Test(arguments: 1...60) func rewrittenEqualsOriginal(seed: UInt64) throws {
    let graph = RandomGraph(seed: seed)
    let plain = try evaluate(graph.outputs, graph.feeds, options: .init(rewrites: false))
    let fused = try evaluate(graph.outputs, graph.feeds, options: .init(rewrites: true))
    for (a, b) in zip(fused, plain) { #expect(relativeError(a, b) < 2e-4) }
  }

  @Test(arguments: 1...30) func poisonedMemoryIsNeverRead(seed: UInt64) throws {
    let graph = RandomGraph(seed: seed)
    let clean = try evaluate(graph.outputs, graph.feeds)
    let poisoned = try evaluate(
      graph.outputs, graph.feeds, options: .init(poisonsFreedMemory: true))
    #expect(clean == poisoned)
  }

  @Test(arguments: Target.all) func devicesAgreeOnRandomGraphs(target: Target) throws {
    var apart = target.traits
    apart.usesSubBuffers = false
    for device in [try target.open(), try target.open(apart)] {
      for seed in 1...6 as ClosedRange<UInt64> {
        let graph = RandomGraph(seed: seed)
        let expected = try evaluate(graph.outputs, graph.feeds)
        let got = try evaluate(
          graph.outputs, graph.feeds, on: device, options: .init(poisonsFreedMemory: true))
        for (a, b) in zip(got, expected) { #expect(relativeError(a, b) < 1e-3, "seed \(seed)") }
      }
    }
  }

  @Test(arguments: 1...20) func plansOfRandomGraphsHoldNoOverlaps(seed: UInt64) throws {
    let graph = RandomGraph(seed: seed)
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    let executor = try GraphExecutor(Graph(outputs: graph.outputs), on: store)
    #expect(executor.plan.violations() == [])
  }

  @Test func aChainBecomesOneKernel() {
    let x = Tensor.input("x", TensorType([4, 8]))
    let y = ((x + 1).gelu() * 2 + x).silu()
    #expect(Graph(outputs: [y]).applications.count == 5)
    #expect(Graph(outputs: [y]).rewritten().applications.count == 1)
  }

  @Test func biasActivationAndResidualBecomeAnEpilogue() {
    let x = Tensor.input("x", TensorType([4, 8]))
    let w = Tensor.input("w", TensorType([8, 8]))
    let b = Tensor.input("b", TensorType([8]))
    let graph = Graph(outputs: [(x.matmul(w) + b).gelu() + x]).rewritten()
    #expect(graph.applications.count == 1)
    #expect(graph.description.contains("MatMul NN then"))
  }

  @Test func whatIsReadTwiceIsComputedOnce() {
    let x = Tensor.input("x", TensorType([4, 8]))
    let y = x.softmax()
    let z = x.softmax()
    let graph = Graph(outputs: [y.matmul(z, transposeOther: true)]).rewritten()
    #expect(graph.applications.count == 2)
  }

  @Test func aHeadThatNobodyTrainsHasNoGradient() {
    let (x, w) = (Tensor.input("x", TensorType([4, 8])), Tensor.variable([9, 8], .zeros))
    let loss = LinearLoss.crossEntropy(
      hidden: x, head: Head(w), labels: .input("labels", TensorType([4], .int32))
    ).sum()
    func results(_ trained: [Tensor]) -> Int? {
      Graph(outputs: [loss] + gradients(of: loss, withRespectTo: trained)).rewritten().applications
        .first { $0.op is LinearLoss }?.results.count
    }
    #expect(results([x]) == 2)
    #expect(results([x, w]) == 3)
  }

  @Test func noWorkDisappears() {
    let x = Tensor.input("x", TensorType([4, 8]))
    let graph = Graph(outputs: [(x * 1 + 0).reshaped(to: [32]).reshaped(to: [4, 8]).detached()])
    #expect(graph.rewritten().applications.allSatisfy { $0.op.isView })
  }
}
