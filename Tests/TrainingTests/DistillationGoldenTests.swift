// Distillation against PyTorch: TRL's divergence, and twenty steps of training.
import Base
import Checks
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Testing
import Text
import Training

/// Batches that were drawn elsewhere, one for each step.
private struct FixedBatches: TokenData {
  let fingerprint = "made for a test"
  let steps: [Batch]
  var length: Int { steps[0][.tokens].shape[1] }
  var count: Int { steps.reduce(0) { $0 + $1[.tokens].shape[0] } }
  var targetCount: Int { steps.reduce(0) { $0 + $1.weight } }

  func batch(of rows: [Int?]) -> Batch { steps[0] }

  func batch(at place: TrainingPlace) -> Batch {
    // A step's rows, split into micro-batches.
    let (size, whole) = (place.rowCount, steps[place.step])
    let part = place.microBatch * size * length..<(place.microBatch + 1) * size * length
    return Batch(
      tokens: TensorData([size, length], Array(whole[.tokens].integers[part])),
      labels: TensorData([size, length], Array(whole[.labels].integers[part])))
  }

  func weight(at place: TrainingPlace) -> Int { batch(at: place).weight }
}

@Suite struct DistillationGoldenTests {
  private let file: Safetensors

  init() throws { file = try golden("distillation") }

  private func data(_ name: String) throws -> TensorData {
    guard let found = try file[name] else { throw UserError("no golden tensor \(name)") }
    return found
  }

  @Test func divergencesAreThoseOfTRL() throws {
    let feeds = inputs([try data("student"), try data("teacher"), try data("labels")])
    let (s, t, y) = (feeds[0].tensor, feeds[1].tensor, feeds[2].tensor)
    let count = feeds[2].data.integers.count { $0 >= 0 }
    for beta in ["0", "0.3", "0.5", "1"] {
      for temperature in ["1", "2"] {
        let objective = DivergenceLoss(
          .jensenShannon(beta: try #require(Float(beta)), isNormalized: false),
          temperature: try #require(Float(temperature)), alpha: 0)
        // TRL leaves out the factor T^2.
        let scale = 1 / (objective.temperature * objective.temperature * Float(count))
        let loss = objective.loss(student: s, teacher: t, labels: y).total * scale
        let got = try evaluate([loss] + gradients(of: loss, withRespectTo: [s]), feeds)
        let name = "trl.\(beta).\(temperature)"
        let expected = try data("\(name).loss").floats[0]
        #expect(abs(got[0].floats[0] - expected) < 1e-6, "\(name)")
        #expect(relativeError(got[1], try data("\(name).gradient")) < 1e-5, "\(name)")
      }
    }
  }

  /// The losses of twenty steps.
  private func losses(
    _ student: String, _ teacher: String, _ kind: DivergenceLoss.Kind, temperature: Float,
    microBatches: Int, on device: any Device
  ) throws -> [Double] {
    let (tokens, masked) = (try data("tokens"), try data("masked").integers)
    let (steps, rows, length) = (20, 4, 12)
    let batches = (0..<steps).map { step -> Batch in
      var (x, y): ([Int32], [Int32]) = ([], [])
      for row in 0..<rows {
        let start = (step * rows + row) * (length + 1)
        x += tokens.integers[start..<start + length]
        y += tokens.integers[start + 1...start + length]
      }
      let mask = masked[step * rows * length..<(step + 1) * rows * length]
      return Batch(
        tokens: TensorData([rows, length], x),
        labels: TensorData([rows, length], zip(y, mask).map { $1 == 1 ? -1 : $0 }))
    }
    let store = VariableStore(on: device, seed: 1)
    func load(_ name: String, _ prefix: String) throws -> any LanguageModel {
      let directory = ModelDirectory(goldenFolder("models/\(name)"))
      let model = try directory.languageModel()
      try directory.load(model, into: store, prefix: prefix)
      return model
    }
    let (own, other) = (try load(student, "student"), try load(teacher, "teacher"))
    var options = TrainingOptions()
    // The golden schedule reaches its last rate one step later.
    options.stepCount = steps + 1
    options.batchSize = rows / microBatches
    options.microBatchCount = microBatches
    options.logInterval = 1
    options.optimizer.learningRate = 3e-3
    options.optimizer.warmupSteps = 5
    let trainer = try Trainer(
      DistillationObjective(
        student: own, teacher: .model(other),
        DivergenceLoss(kind, temperature: temperature, alpha: 0.3)),
      parameters: own.parameters(prefix: "student"), data: FixedBatches(steps: batches),
      options: options, store: store)
    var losses: [Double] = []
    _ = try trainer.run(
      checkpoint: nil,
      onEvent: { event in
        if case .step(let metrics) = event { losses.append(metrics.means["loss"] ?? .nan) }
      }, shouldStop: { losses.count == steps })
    return losses
  }

  @Test(arguments: [("gpt2-tied", "qwen2-tied"), ("llama-untied", "qwen3")])
  func twentyStepsAreThoseOfPyTorch(student: String, teacher: String) throws {
    let kinds: [(String, DivergenceLoss.Kind, Float)] = [
      ("forward_kl", .forwardKL, 2), ("jsd", .jensenShannon(beta: 0.3, isNormalized: false), 1),
    ]
    let devices: [any Device] =
      try [ReferenceDevice()] + Target.all.filter { $0.family == .cpu }.map { try $0.open() }
    for (name, kind, temperature) in kinds {
      let expected = try data("steps.\(student).\(name)").floats.map(Double.init)
      for device in devices {
        for microBatches in [1, 2] {
          let got = try losses(
            student, teacher, kind, temperature: temperature, microBatches: microBatches,
            on: device)
          #expect(got.count == 20)
          for (a, b) in zip(got, expected) {
            #expect(abs(a - b) < 1e-3 * b, "\(student), \(name) on \(device.name)")
          }
        }
      }
    }
  }
}
