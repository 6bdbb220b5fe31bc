// The numbers of a training's latest step.
import Base
import Tensors

extension Trainer {
  /// The norm of the gradients of the latest step.
  func latestNorm() throws -> Double {
    Double(try (update ?? accumulate).value(of: optimizer.gradientNorm).floats[0])
  }

  /// Throws where weights were moved by gradients that are no numbers. In float16 such steps are skipped and the scale of the
  /// loss falls, to 1 at least.
  func requireFiniteGradients(_ norm: Double, step: Int) throws {
    if norm.isFinite { return }
    if let scale = store.entry(named: LossScale.name), try scale.value().floats[0] > 1 { return }
    throw UserError(
      "The gradients are no longer numbers at step \(step), though the loss is one. Look for numbers in the data that are not "
        + "finite, or lower the learning rate.")
  }

  /// The loss of the latest step.
  package func latestLoss() throws -> Float {
    try (update ?? accumulate).value(of: logged[0]).floats[0]
  }

  /// What the log says of a step.
  func metrics(
    _ step: Int, targetCount: Int, total: Int, _ pace: Pace
  ) throws -> StepMetrics {
    let executor = update ?? accumulate
    var means = ["loss": Double(try executor.value(of: logged[0]).floats[0])]
    for (name, sum) in zip(loggedNames, logged.dropFirst()) {
      means[name] = Double(try executor.value(of: sum).floats[0]) / Double(max(1, targetCount))
    }
    return StepMetrics(
      step: step, stepCount: options.stepCount, means: means,
      learningRate: options.optimizer.rate(step: step - 1, of: options.stepCount),
      gradientNorm: try latestNorm(), unit: data.unit, targetCount: total,
      targetsPerSecond: pace.targetsPerSecond, secondsPerStep: pace.secondsPerStep,
      seconds: pace.seconds)
  }
}
