// Training with values stored in 16 bits: nearly the same losses, less memory, no lost gradients.
import Checks
import Foundation
import Layers
import Models
import Testing
import Text

@testable import Tensors
@testable import Training

@Suite struct PrecisionTests {
  private struct Run {
    let losses: [Double]
    let plan: MemoryPlan
    let graph: Graph
    let parameters: [TensorData]
  }

  private static func train(
    _ precision: Precision, on device: any Device, steps: Int = 12, checkpoint: URL? = nil,
    stopAfter: Int? = nil
  ) throws -> Run {
    let store = VariableStore(on: device, seed: 3)
    let model = GPT2(
      GPT2Configuration(
        vocabularySize: 23, contextLength: 8, width: 32, layerCount: 2, headCount: 2))
    try model.declare(in: store)
    var options = TrainingOptions()
    options.stepCount = steps
    options.batchSize = 16
    options.precision = precision
    options.logInterval = 1
    options.checkpointInterval = 1000
    options.optimizer.warmupSteps = 2
    options.optimizer.learningRate = 1e-2
    let trainer = try Trainer(
      NextTokenObjective(model), parameters: model.parameters(), data: InvarianceTests.text,
      options: options, store: store)
    var losses: [Double] = []
    func note(_ event: TrainingEvent) {
      if case .step(let metrics) = event { losses.append(metrics.means["ce"] ?? .nan) }
    }
    _ = try trainer.run(
      checkpoint: checkpoint, onEvent: note, shouldStop: { losses.count == stopAfter })
    return Run(
      losses: losses, plan: trainer.accumulate.plan, graph: trainer.accumulate.graph,
      parameters: try model.parameters().map { try store.value(of: $0.tensor) })
  }

  @Test func lossesStayNearThoseOfFloat32() throws {
    let wide = try Self.train(.fp32, on: ReferenceDevice()).losses
    let brain = try Self.train(.bf16, on: ReferenceDevice()).losses
    for (a, b) in zip(brain, wide) { #expect(abs(a - b) < 0.02, "\(a), \(b)") }
    #expect(wide != brain)
    // In float16 steps are skipped until the loss scale fits; it starts too high for these small layers,
    // whose norms have large gradients. What follows is as steep.
    let half = try Self.train(.fp16, on: ReferenceDevice(), steps: 60).losses
    let long = try Self.train(.fp32, on: ReferenceDevice(), steps: 60).losses
    #expect(half[0] - half[59] > 0.8 * (long[0] - long[59]), "\(half) \(long)")
  }

  @Test(arguments: Target.all) func theDeviceChangesLittle(target: Target) throws {
    let both = [Precision.bf16, .fp16]
    for precision in target.family == .cpu ? both : target.share(of: both) {
      let expected = try Self.train(precision, on: ReferenceDevice(), steps: 6)
      let got = try Self.train(precision, on: target.open(), steps: 6)
      for (a, b) in zip(got.losses, expected.losses) { #expect(abs(a - b) < 5e-3, "\(a), \(b)") }
    }
  }

  @Test func onlyWhatLiesBetweenKernelsIsNarrow() throws {
    let run = try Self.train(.bf16, on: ReferenceDevice(), steps: 1)
    let results = run.graph.applications.flatMap(\.results)
    let narrow = results.count { $0.type.elementType == .bfloat16 }
    #expect(narrow > results.count / 3, "\(narrow) of \(results.count)")
    #expect(run.graph.assignments.allSatisfy { $0.value.type.elementType == .float32 })
    #expect(run.graph.outputs.allSatisfy { $0.type.elementType == .float32 })
    let wide = try Self.train(.fp32, on: ReferenceDevice(), steps: 1)
    #expect(run.plan.peak < wide.plan.peak, "\(run.plan.peak), \(wide.plan.peak)")
  }

  @Test func aResumedRunInFloat16EndsWithTheSameBits() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    let whole = try Self.train(.fp16, on: ReferenceDevice(), steps: 6)
    _ = try Self.train(.fp16, on: ReferenceDevice(), steps: 6, checkpoint: url, stopAfter: 3)
    let resumed = try Self.train(.fp16, on: ReferenceDevice(), steps: 6, checkpoint: url)
    #expect(resumed.parameters == whole.parameters)
  }

  /// A norm of 10 times the loss scale is more than float16 holds, and no overflow: norms and factors lie in float32.
  @Test func aLargeNormIsNoOverflow() throws {
    struct Slope: Module { let weight = Tensor.variable([1, 1], .zeros) }
    let (numbers, model) = (Field("numbers"), Slope())
    let data = ArrayDataset([numbers: TensorData([64, 1], [Float](repeating: 10, count: 64))])
    var options = TrainingOptions(stepCount: 1, batchSize: 64)
    options.precision = .fp16
    let trainer = try Trainer(
      LossFunction("x w") { Loss("product", $0[numbers].matmul(model.weight).sum()) }, of: model,
      data: data, options: options, on: ReferenceDevice())
    var norm = 0.0
    try trainer.run { event in if case .step(let metrics) = event { norm = metrics.gradientNorm } }
    let scale = try #require(trainer.store.entry(named: "optimizer.loss_scale"))
    let factor = try scale.value().floats
    #expect(norm == 10 && factor == [65_536])
    #expect(try trainer.store.value(of: model.weight).floats[0] < 0)
  }

  @Test func theLossScaleDoublesAfterManyGoodSteps() throws {
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    let scale = try LossScale(store: store)
    let isFinite = Tensor.input("finite", TensorType([]))
    let step = try GraphExecutor(
      Graph(outputs: [], assignments: scale.assignments(isFinite: isFinite)), on: store)
    func run(_ count: Int, finite: Float) throws -> Float {
      try step.set(isFinite, to: TensorData(finite))
      for _ in 0..<count { try step.run() }
      return try store.value(of: scale.scale).floats[0]
    }
    #expect(try run(1999, finite: 1) == 65_536)
    #expect(try run(1, finite: 1) == 131_072)
    #expect(try run(2, finite: 0) == 32_768)
    // An overflow starts the count anew.
    #expect(try run(1999, finite: 1) == 32_768)
    #expect(try run(1, finite: 1) == 65_536)
    #expect(try run(40, finite: 0) == 1)
  }
}
