// What a training is told, and what it tells.
import Base
import Foundation
import Tensors

/// The sizes of a training run.
public struct TrainingOptions: Sendable {
  /// Updates of the parameters.
  public var stepCount = 500
  /// Rows per micro-batch.
  public var batchSize = 32
  /// Micro-batches per step, whose gradients are added up.
  public var microBatchCount = 1
  /// How parameters are moved: formula, learning rate, schedule, clipping.
  public var optimizer = OptimizerOptions()
  /// How values are stored between kernels.
  public var precision = Precision.fp32
  /// The seed of initial weights and of the order of rows.
  public var seed: UInt64 = 1
  /// Steps between reports of a training's numbers; the last step reports too.
  public var logInterval = 10
  /// Steps between checkpoints; the last step writes one too.
  public var checkpointInterval = 200
  /// Steps between measurements of the validation rows, where there are any; the last step measures too.
  public var validationInterval = 50
  /// How many measurements in a row may bring nothing better before training ends; 0 never ends it early.
  public var patience = 0

  /// How much of the forward pass is computed again for the backward pass, in place of being kept in memory.
  public var recomputation = Recomputation.auto

  /// The defaults above.
  public init() {}

  /// The sizes that programs set most often; the learning rate is the highest of its schedule.
  public init(
    stepCount: Int, batchSize: Int = 32, learningRate: Double = 1e-3, seed: UInt64 = 1
  ) {
    (self.stepCount, self.batchSize, self.seed) = (stepCount, batchSize, seed)
    optimizer.learningRate = learningRate
  }
}

extension TrainingOptions {
  /// What tells trainings apart. How memory is saved does not, nor does the number of steps, since a training can become longer, with
  /// what follows from it.
  var fingerprint: String {
    var same = self
    (same.stepCount, same.validationInterval) = (0, 0)
    same.recomputation = .none
    return "\(same)".replacing(
      ", recomputation: \(String(reflecting: same.recomputation))", with: "")
  }

  /// Traps where a number of them trains nothing.
  func demandThatTheyTrain() {
    for (name, number) in [
      ("batchSize", batchSize), ("microBatchCount", microBatchCount), ("logInterval", logInterval),
      ("checkpointInterval", checkpointInterval), ("validationInterval", validationInterval),
    ] { demand(number > 0, "\(name) is at least 1, not \(number)") }
    demand(stepCount >= 0, "stepCount is at least 0, not \(stepCount)")
    let rate = optimizer.learningRate
    demand(rate >= 0 && rate.isFinite, "the learning rate is a number from 0 on, not \(rate)")
  }
}

/// What happened at a step that is logged.
public struct StepMetrics: Sendable, CustomStringConvertible {
  /// The number of steps done.
  public let step: Int
  /// The number of steps of the whole training.
  public let stepCount: Int
  /// Means over the targets that count, by name; "loss" is what is trained on.
  public let means: [String: Double]
  /// The learning rate of the step.
  public let learningRate: Double
  /// The norm of all gradients together, before clipping.
  public let gradientNorm: Double
  /// In what targets are counted, such as "tokens".
  public let unit: String
  /// Targets that counted since the run began, this arm alone.
  public let targetCount: Int
  /// Without the first step, in which kernels are compiled.
  public let targetsPerSecond: Double
  /// Without the first step.
  public let secondsPerStep: Double
  /// Seconds since this process began to train.
  public let seconds: Double

  /// One line, such as "step 100 of 300: loss 0.2104, 51,200 images/s".
  public var description: String {
    // A single term is the loss itself.
    let terms = means.count == 2 ? [] : means.filter { $0.key != "loss" }.sorted { $0.key < $1.key }
    let numbers = [("loss", means["loss"] ?? .nan)] + terms.map { ($0.key, $0.value) }
    return "step \(grouped(step)) of \(grouped(stepCount)): "
      + numbers.map { "\($0.0) \(fixed($0.1, 4))" }.joined(separator: ", ")
      + ", \(grouped(Int(max(0, min(1e15, targetsPerSecond))))) \(unit)/s"
  }
}

/// What a trainer tells while it works. It prints nothing.
public enum TrainingEvent: Sendable {
  /// Launches of the first step that are done: kernels are compiled in it.
  case preparing(done: Int, of: Int)
  /// A step is done; told of every step where steps take long.
  case tick(step: Int, secondsPerStep: Double)
  /// The numbers of a step that is logged.
  case step(StepMetrics)
  /// The mean loss on the validation rows after a step, and the seconds since this process began to train.
  case validation(step: Int, loss: Double, seconds: Double)
  /// A checkpoint was written to a file.
  case checkpoint(URL)
  /// Stopped on request after this many steps; the checkpoint holds them where one is written.
  case interrupted(step: Int)
}
