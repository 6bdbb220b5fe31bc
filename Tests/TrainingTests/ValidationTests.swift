// The best weights by rows that are neither trained on nor judged by.
import Base
import Checks
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Testing
import Text

@testable import Training

@Suite struct ValidationTests {
  /// Some text by a generator: what is learnt of one piece by heart helps little with another.
  private func windows(_ seed: UInt64, rows: Int) -> TokenWindows {
    var random = RandomData(seed: seed)
    var tokens: [Int32] = [0]
    for _ in 0..<rows * 8 {
      let isRegular = random.integer(below: 2) == 0
      tokens.append(
        isRegular ? (tokens[tokens.count - 1] + 1) % 11 : Int32(random.integer(below: 11)))
    }
    return TokenWindows(tokens, length: 8)
  }

  /// A training that keeps its best weights, with what it tells.
  private final class Run {
    let trainer: Trainer
    var measured: [(step: Int, loss: Double)] = []
    var stopsAt = Int.max
    private let folder: TemporaryFolder
    private let model: Llama
    private let store = VariableStore(on: ReferenceDevice(), seed: 3)

    init(
      in folder: TemporaryFolder, training: TokenWindows, validation: TokenWindows?,
      patience: Int = 0, steps: Int = 60
    ) throws {
      self.folder = folder
      model = Llama(
        LlamaConfiguration(
          vocabularySize: 11, width: 16, intermediateWidth: 32, layerCount: 1, headCount: 2,
          keyValueHeadCount: 2, contextLength: 8))
      try model.declare(in: store, prefix: "model")
      var options = TrainingOptions()
      (options.stepCount, options.batchSize, options.validationInterval) = (steps, 4, 5)
      (options.checkpointInterval, options.patience) = (7, patience)
      options.optimizer.learningRate = 0.03
      options.optimizer.warmupSteps = 2
      trainer = try Trainer(
        NextTokenObjective(model), parameters: model.parameters(prefix: "model"), data: training,
        validation: validation, options: options, store: store)
    }

    /// When each measurement was told of.
    var seconds: [Double] = []

    /// Whether training ended.
    @discardableResult func run() throws -> Bool {
      try trainer.run(
        checkpoint: folder.url.appending(path: "c.safetensors"),
        best: folder.url.appending(path: "b.safetensors"),
        onEvent: { event in
          guard case .validation(let step, let loss, let seconds) = event else { return }
          self.measured.append((step, loss))
          self.seconds.append(seconds)
        }, shouldStop: { self.trainer.lastStep >= self.stopsAt })
    }

    /// The loss of the weights as they are now.
    func loss(on data: TokenWindows) throws -> Double {
      try evaluate(model, teacher: nil, on: data, batchSize: 4, store: store)
        .natsPerToken
    }

    var weights: [TensorData] {
      get throws { try model.parameters(prefix: "model").map { try store.value(of: $0.tensor) } }
    }
  }

  @Test func theWeightsAreTheBestByTheValidationRows() throws {
    let (training, validation) = (windows(1, rows: 6), windows(2, rows: 10))
    let run = try Run(in: TemporaryFolder(), training: training, validation: validation)
    #expect(try run.run())
    #expect(run.measured.map(\.step) == (1...12).map { 5 * $0 })
    let best = try #require(run.measured.min { $0.loss < $1.loss })
    // Six rows are soon known by heart.
    #expect(best.step < 60 && run.measured[11].loss > best.loss + 0.1, "\(run.measured)")
    #expect(
      abs(try run.loss(on: validation) - best.loss) < 1e-5 && run.trainer.keptStep == best.step)
    // Without such rows the last weights stay.
    let other = try Run(in: TemporaryFolder(), training: training, validation: nil)
    try other.run()
    #expect(other.measured.isEmpty)
    #expect(abs(try other.loss(on: validation) - run.measured[11].loss) < 1e-4)
    #expect(zip(run.seconds, run.seconds.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test func patienceEndsATrainingEarly() throws {
    let (training, validation) = (windows(1, rows: 6), windows(2, rows: 10))
    let folder = try TemporaryFolder()
    let run = try Run(in: folder, training: training, validation: validation, patience: 2)
    #expect(try run.run())
    let best = try #require(run.measured.min { $0.loss < $1.loss })
    #expect(run.trainer.lastStep == best.step + 10 && run.trainer.lastStep < 60)
    // A process that ends before the model is saved goes on from there, and trains no further.
    let again = try Run(in: folder, training: training, validation: validation, patience: 2)
    #expect(try again.run() && again.measured.isEmpty)
    #expect(try again.weights == run.weights)
  }

  @Test(arguments: [3, 7, 11, 16, 33, 58]) func aTrainingThatGoesOnKeepsTheSameWeights(
    stop: Int
  ) throws {
    let (training, validation) = (windows(1, rows: 6), windows(2, rows: 10))
    let whole = try Run(in: TemporaryFolder(), training: training, validation: validation)
    try whole.run()
    let folder = try TemporaryFolder()
    let first = try Run(in: folder, training: training, validation: validation)
    first.stopsAt = stop
    #expect(try !first.run())
    // The best weights may be of a later step than the checkpoint, where a process was killed: take it back to none.
    if stop % 2 == 0 {
      try FileManager.default.removeItem(at: folder.url.appending(path: "c.safetensors"))
    }
    let second = try Run(in: folder, training: training, validation: validation)
    #expect(try second.run())
    #expect(try second.weights == whole.weights)
    // Best weights that are gone are missed.
    if stop == 33 {
      let file = folder.url.appending(path: "b.safetensors")
      let kept = try Data(contentsOf: file)
      try FileManager.default.removeItem(at: file)
      let third = try Run(in: folder, training: training, validation: validation)
      #expect(throws: UserError.self) { try third.run() }
      try kept.write(to: file)
    }
    // Those of another run are refused.
    let other = try Run(in: folder, training: windows(3, rows: 6), validation: validation)
    #expect(throws: UserError.self) { try other.run() }
  }

  /// A longer training does otherwise what a shorter one did after the checkpoint from which it goes on.
  @Test func weightsOfStepsThatAreDoneAnewAreNotKept() throws {
    let (training, validation) = (windows(1, rows: 6), windows(2, rows: 10))
    func run(_ folder: TemporaryFolder, _ steps: Int, stopsAt: Int = .max) throws -> Run {
      let run = try Run(in: folder, training: training, validation: validation, steps: steps)
      run.stopsAt = stopsAt
      try run.run()
      return run
    }
    let folder = try TemporaryFolder()
    _ = try run(folder, 60, stopsAt: 6)
    // Here a process went on to other weights, kept the best, and was killed before its next checkpoint.
    let (checkpoint, best) = (
      folder.url.appending(path: "c.safetensors"), folder.url.appending(path: "b.safetensors")
    )
    let kept = try Data(contentsOf: checkpoint)
    _ = try run(folder, 60, stopsAt: 33)
    let values = try Safetensors(contentsOf: best).metadata
    #expect((values["step"].flatMap { Int($0) } ?? 0) > 6)
    try kept.write(to: checkpoint)
    let got = try run(folder, 90)
    // It begins with the weights that it has, and knows nothing of steps that it does otherwise.
    let found = try #require(got.measured.min { $0.loss < $1.loss })
    #expect(got.measured.map(\.step) == [6] + (2...18).map { 5 * $0 })
    #expect(got.trainer.keptStep == found.step && found.step != values["step"].flatMap { Int($0) })
    #expect(abs(try got.loss(on: validation) - found.loss) < 1e-5)
    // A training cannot become shorter.
    #expect(throws: UserError.self) { try run(folder, 60) }
  }

  /// What is no step is not in the speed of steps, though the training has taken that time.
  @Test func measurementsAreNotInTheSpeedOfSteps() throws {
    let device = ReferenceDevice()
    var pace = Pace()
    for _ in 0..<4 {
      _ = try pace.count(100, finishing: device)
      try pace.leaveOut(finishing: device) { _ in Thread.sleep(forTimeInterval: 0.1) }
    }
    #expect(pace.secondsPerStep < 0.05 && pace.targetsPerSecond > 2000 && pace.seconds > 0.4)
  }

  @Test func partsAreApartAndSlicesAreTheirShare() throws {
    let entries = Array(0..<1000)
    let (training, validation, held) = Parts(
      of: 1000, heldOutShare: 0.1, validationShare: 0.01, seed: 5
    ).split(entries)
    #expect((training.count, validation.count, held.count) == (890, 10, 100))
    #expect(Set(training + validation + held).count == 1000)
    let slice = Parts.slice(training, share: 0.05, seed: 5)
    #expect(slice.count == 45 && Set(slice).isSubset(of: training) && slice == slice.sorted())
    // All of the text is sliced, not its beginning.
    #expect((slice.last ?? 0) > 900 && slice != Parts.slice(training, share: 0.05, seed: 6))
    #expect(Parts.slice(training, share: 1, seed: 5) == training)
  }

  @Test func speedsAreMediansOfRoundsInTurns() throws {
    var calls: [Int] = []
    let values: [[Double]] = [[9, 1, 5, 2], [7, 4, 4, 8]]
    var rounds = [0, 0]
    let found = try medians(
      of: [0, 1].map { index in
        {
          calls.append(index)
          rounds[index] += 1
          return values[index][rounds[index] - 1]
        }
      }, rounds: 3)
    // The first of each is for compilation.
    #expect(found == [2, 4] && calls == [0, 1, 0, 1, 0, 1, 0, 1])
  }
}
