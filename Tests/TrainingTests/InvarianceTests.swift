// What must not change the loss: splitting, padding, order, the device.
import Checks
import Distillation
import Foundation
import Models
import Tensors
import Testing
import Text
import Training

@Suite struct InvarianceTests {
  static let configuration = LlamaConfiguration(
    vocabularySize: 23, width: 16, intermediateWidth: 24, layerCount: 1, headCount: 2,
    keyValueHeadCount: 2, contextLength: 8)

  static let text: TokenWindows = {
    var random = RandomData(seed: 5)
    return TokenWindows(random.integers([600], below: 23).integers, length: 8)
  }()

  /// Trains a student with a teacher and gives its parameters and last loss.
  static func train(
    batch: Int, micro: Int, steps: Int = 4, on device: any Device = ReferenceDevice(),
    checkpoint: URL? = nil, stopAfter: Int? = nil
  ) throws -> (parameters: [TensorData], loss: Double) {
    let store = VariableStore(on: device, seed: 3)
    let (teacher, student) = (Llama(configuration), Llama(configuration))
    try teacher.declare(in: store, prefix: "teacher")
    try student.declare(in: store, prefix: "student")
    var options = TrainingOptions()
    options.stepCount = steps
    options.batchSize = batch
    options.microBatchCount = micro
    options.logInterval = 1
    options.checkpointInterval = 1000
    options.optimizer.warmupSteps = 1
    options.optimizer.learningRate = 1e-2
    let objective = DistillationObjective(
      student: student, teacher: .model(teacher),
      DivergenceLoss(.forwardKL, temperature: 2, alpha: 0.3))
    let trainer = try Trainer(
      objective, parameters: student.parameters(prefix: "student"), data: text, options: options,
      store: store)
    var loss = 0.0
    var done = 0
    func note(_ event: TrainingEvent) {
      guard case .step(let metrics) = event else { return }
      loss = metrics.means["loss"] ?? .nan
      done = metrics.step
    }
    _ = try trainer.run(checkpoint: checkpoint, onEvent: note, shouldStop: { done == stopAfter })
    return (try student.parameters().map { try store.value(of: $0.tensor) }, loss)
  }

  @Test func splittingIntoMicroBatchesChangesNothing() throws {
    let whole = try Self.train(batch: 6, micro: 1)
    let split = try Self.train(batch: 2, micro: 3)
    #expect(abs(whole.loss - split.loss) < 1e-5)
    for (a, b) in zip(split.parameters, whole.parameters) { #expect(relativeError(a, b) < 1e-4) }
  }

  @Test(arguments: Target.all) func theDeviceChangesNothing(target: Target) throws {
    let expected = try Self.train(batch: 3, micro: 2)
    let got = try Self.train(batch: 3, micro: 2, on: target.open())
    #expect(abs(expected.loss - got.loss) < 1e-4)
    for (a, b) in zip(got.parameters, expected.parameters) { #expect(relativeError(a, b) < 1e-3) }
  }

  @Test(arguments: Target.all) func twoRunsGiveTheSameBits(target: Target) throws {
    let first = try Self.train(batch: 4, micro: 1, on: target.open())
    let second = try Self.train(batch: 4, micro: 1, on: target.open())
    #expect(first.parameters == second.parameters)
  }

  @Test func aResumedRunEndsWithTheSameBits() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    let whole = try Self.train(batch: 2, micro: 2, steps: 6)
    _ = try Self.train(batch: 2, micro: 2, steps: 6, checkpoint: url, stopAfter: 3)
    let resumed = try Self.train(batch: 2, micro: 2, steps: 6, checkpoint: url)
    #expect(resumed.parameters == whole.parameters)
  }

  @Test func aCheckpointOfOtherSettingsIsRefused() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    _ = try Self.train(batch: 2, micro: 2, steps: 6, checkpoint: url, stopAfter: 3)
    #expect(throws: (any Error).self) {
      _ = try Self.train(batch: 4, micro: 1, steps: 6, checkpoint: url)
    }
  }

  /// One loss over rows of logits, divided once by the number of targets that count.
  static func mean(_ rows: [Int], padding: Int) throws -> Double {
    var random = RandomData(seed: 8)
    let (s, t) = (random.floats([8, 5]).floats, random.floats([8, 5]).floats)
    let labels: [Int32] = [0, 1, -1, 3, 4, 0, -1, 2]
    func pick(_ x: [Float]) -> TensorData {
      TensorData(
        [rows.count + padding, 5],
        rows.flatMap { x[$0 * 5..<$0 * 5 + 5] } + [Float](repeating: 9, count: 5 * padding))
    }
    let own = rows.map { labels[$0] } + [Int32](repeating: -1, count: padding)
    let feeds = inputs([pick(s), pick(t), TensorData([own.count], own)])
    let total = DivergenceLoss(.reverseKL, temperature: 3, alpha: 0.25).loss(
      student: feeds[0].tensor, teacher: feeds[1].tensor, labels: feeds[2].tensor
    ).total
    return Double(try evaluate([total], feeds)[0].floats[0]) / Double(own.count { $0 >= 0 })
  }

  /// A loss with a teacher over the first 20 of 23 rows of the tables; `padding` stands in the rest.
  private func values(padding: Float) throws -> (loss: Float, headSlope: [Float]) {
    let store = VariableStore(on: ReferenceDevice(), seed: 3)
    let (teacher, student) = (Llama(Self.configuration), Llama(Self.configuration))
    for (name, model) in [("teacher", teacher), ("student", student)] {
      for (own, tensor) in model.parameters(prefix: name) {
        var random = RandomData(seed: UInt64(own.utf8.reduce(0) { $0 * 31 % 9973 + Int($1) }))
        var numbers = random.floats(tensor.shape, -0.5...0.5).floats
        if tensor.shape[0] == 23 { for i in 20 * 16..<23 * 16 { numbers[i] = padding } }
        try store.declare(own, tensor, value: TensorData(tensor.shape, numbers))
      }
    }
    let objective = DistillationObjective(
      student: student, teacher: .model(teacher),
      DivergenceLoss(
        .jensenShannon(beta: 0.3, isNormalized: false), temperature: 2, alpha: 0.3), classCount: 20)
    var random = RandomData(seed: 9)
    let batch = Batch(
      tokens: random.integers([2, 8], below: 20), labels: random.integers([2, 8], below: 20))
    let values = try lossValues(
      objective, on: batch, store: store, gradientsFor: [student.head.weight])
    return (values.total, values.slopes[0].floats)
  }

  @Test func paddingOfTheVocabularyChangesNothing() throws {
    let (small, large) = (try values(padding: 0), try values(padding: 3))
    #expect(small.loss == large.loss && small.loss > 0)
    #expect(large.headSlope.suffix(3 * 16).allSatisfy { $0 == 0 })
    #expect(large.headSlope.prefix(20 * 16).contains { $0 != 0 })
  }

  @Test func paddingAndOrderChangeNothing() throws {
    let plain = try Self.mean(Array(0..<8), padding: 0)
    #expect(abs(try Self.mean(Array(0..<8), padding: 5) - plain) < 1e-6)
    #expect(abs(try Self.mean([3, 7, 1, 0, 5, 2, 6, 4], padding: 2) - plain) < 1e-6)
    // Positions that do not count may hold anything, or be left out.
    #expect(abs(try Self.mean([0, 1, 3, 4, 5, 7], padding: 0) - plain) < 1e-6)
  }
}
