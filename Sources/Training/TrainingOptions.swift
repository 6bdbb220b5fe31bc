// What a training is told, and what it tells.
import Foundation

/// The sizes of a training run.
public struct TrainingOptions: Sendable {
  public var stepCount = 500
  /// Sequences per micro-batch, and micro-batches per step.
  public var batchSize = 32
  public var microBatchCount = 1
  public var optimizer = OptimizerOptions()
  public var precision = Precision.fp32
  public var seed: UInt64 = 1
  /// Steps between log lines, and between checkpoints; the last step does both.
  public var logInterval = 10
  public var checkpointInterval = 200
  /// Steps between measurements of the validation rows, where there are any; the last step measures too.
  public var validationInterval = 50
  /// How many measurements in a row may bring nothing better before training ends; 0 never ends it early.
  public var patience = 0

  public init() {}
}

/// What happened at a step that is logged.
public struct StepMetrics: Sendable {
  /// The number of steps done.
  public let step: Int
  public let stepCount: Int
  /// Means over the targets that count, by name; "loss" is what is trained on.
  public let means: [String: Double]
  public let learningRate: Double
  public let gradientNorm: Double
  /// In what targets are counted, such as "tokens".
  public let unit: String
  /// Targets that counted since the run began, this arm alone.
  public let targetCount: Int
  /// Without the first step, in which kernels are compiled.
  public let targetsPerSecond: Double
  public let secondsPerStep: Double
  /// Seconds since this process began to train.
  public let seconds: Double
}

/// What a trainer tells while it works. It prints nothing.
public enum TrainingEvent: Sendable {
  /// Launches of the first step that are done: kernels are compiled in it.
  case preparing(done: Int, of: Int)
  /// A step is done; told of every step where steps take long.
  case tick(step: Int, secondsPerStep: Double)
  case step(StepMetrics)
  /// The mean loss on the validation rows after a step, and the seconds since this process began to train.
  case validation(step: Int, loss: Double, seconds: Double)
  case checkpoint(URL)
  /// Stopped on request after this many steps; a checkpoint holds them.
  case interrupted(step: Int)
}
