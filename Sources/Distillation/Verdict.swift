// Whether distilling helped.

/// The comparison of a student with its control: the same model trained on the same budget without
/// the teacher.
public struct Verdict: Sendable {
  public enum Outcome: String, Sendable {
    case beats = "BEATS"
    case doesNotBeat = "DOES NOT BEAT"
    case inconclusive = "INCONCLUSIVE"
  }

  /// Mean over windows of (control's loss - student's loss), in nats per token: above 0, the
  /// student is better.
  public let difference: Double
  /// Half the width of the 95 % interval of that mean.
  public let halfWidth: Double
  public let windowCount: Int

  /// Pairs the losses of the same held-out windows, in the same order. The interval treats windows
  /// as independent (normal approximation), and covers the choice of text, not of the seed.
  public init(student: [Double], control: [Double]) {
    precondition(student.count == control.count, "the windows are not the same")
    let differences = zip(control, student).map { $0 - $1 }
    let count = Double(max(1, differences.count))
    let mean = differences.reduce(0, +) / count
    let square = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    difference = mean
    windowCount = differences.count
    halfWidth =
      differences.count > 1
      ? 1.96 * (square / (count - 1) / count).squareRoot() : .infinity
  }

  public var interval: ClosedRange<Double> { (difference - halfWidth)...(difference + halfWidth) }

  public var outcome: Outcome {
    if interval.lowerBound > 0 { return .beats }
    return interval.upperBound <= 0 ? .doesNotBeat : .inconclusive
  }
}
