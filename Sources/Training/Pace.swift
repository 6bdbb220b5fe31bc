// How fast a training goes.
import Tensors

/// Steps and targets since a process began to train. The first step, in which kernels are compiled, tells nothing of the
/// speed of others.
struct Pace {
  /// From here on the device is waited for after every step, so that each can be told of.
  private static let slowStep = 0.2

  private let start = ContinuousClock.now
  private var warm = ContinuousClock.now
  private var stepCount = 0
  /// Of the warm steps; of the first where there is no other.
  private var targetCount = 0
  private var isSlow = false

  var seconds: Double { (ContinuousClock.now - start).seconds }

  private var warmSeconds: Double { max((ContinuousClock.now - warm).seconds, 1e-9) }

  var secondsPerStep: Double { stepCount > 1 ? warmSeconds / Double(stepCount - 1) : seconds }

  var targetsPerSecond: Double { Double(targetCount) / (stepCount > 1 ? warmSeconds : seconds) }

  /// Does what is no step, such as a measurement of validation rows; its time is not that of steps.
  mutating func leaveOut<Result>(
    finishing device: any Device, _ body: (Pace) throws -> Result
  ) throws -> Result {
    try device.finish()
    let start = ContinuousClock.now
    let result = try body(self)
    warm += ContinuousClock.now - start
    return result
  }

  /// Counts a step with its targets. The first two are waited for, and all where the second took long; returns whether
  /// steps do.
  mutating func count(_ count: Int, finishing device: any Device) throws -> Bool {
    stepCount += 1
    if stepCount <= 2 || isSlow { try device.finish() }
    switch stepCount {
    case 1: (warm, targetCount) = (.now, count)
    case 2: (isSlow, targetCount) = (warmSeconds > Self.slowStep, count)
    default: targetCount += count
    }
    return isSlow
  }
}
