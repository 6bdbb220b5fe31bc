// Whether distilling helped.
import Base

/// The comparison of a student with its control: the same model trained on the same budget without
/// the teacher, with one seed or several.
public struct Verdict: Sendable {
  public enum Outcome: String, Sendable {
    case beats = "BEATS"
    case doesNotBeat = "DOES NOT BEAT"
    case inconclusive = "INCONCLUSIVE"
  }

  /// Mean over seeds and rows of (control's loss - student's loss), in the unit of the losses: above 0, the
  /// student is better.
  public let difference: Double
  /// Half the width of the 95 % interval of that mean.
  public let halfWidth: Double
  public let windowCount: Int
  /// The mean difference of each seed.
  public let seedDifferences: [Double]

  /// What another verdict found.
  public init(
    difference: Double, halfWidth: Double, windowCount: Int, seedDifferences: [Double]
  ) {
    (self.difference, self.halfWidth) = (difference, halfWidth)
    (self.windowCount, self.seedDifferences) = (windowCount, seedDifferences)
  }

  /// Pairs the losses of the same held-out rows, in the same order. The interval treats rows as
  /// independent (normal approximation), and covers the choice of rows, not of the seed.
  public init(student: [Double], control: [Double]) {
    self.init([(student, control)])
  }

  /// The same with a pair for each seed. The interval then covers both choices: squares of the halves for
  /// rows (of their means over seeds) and for seeds (Student's t) add up.
  public init(_ pairs: [(student: [Double], control: [Double])]) {
    let count = pairs.first?.student.count ?? 0
    demand(
      pairs.allSatisfy { $0.student.count == count && $0.control.count == count },
      "the rows are not the same")
    let differences = pairs.map { pair in zip(pair.control, pair.student).map { $0 - $1 } }
    let byRow = (0..<count).map { row in
      differences.reduce(0) { $0 + $1[row] } / Double(max(1, pairs.count))
    }
    seedDifferences = differences.map(Self.mean)
    difference = Self.mean(byRow)
    windowCount = count
    let rows = count > 1 ? 1.96 * Self.standardError(byRow) : .infinity
    let seeds =
      pairs.count > 1
      ? Self.tQuantile(pairs.count - 1) * Self.standardError(seedDifferences) : 0
    halfWidth = (rows * rows + seeds * seeds).squareRoot()
  }

  private static func mean(_ x: [Double]) -> Double { x.reduce(0, +) / Double(max(1, x.count)) }

  private static func standardError(_ x: [Double]) -> Double {
    let mean = mean(x)
    let square = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (square / Double(x.count - 1) / Double(x.count)).squareRoot()
  }

  /// Student's t for 97.5 %, by degrees of freedom.
  private static func tQuantile(_ freedom: Int) -> Double {
    let table = [
      12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
      2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
      2.052, 2.048, 2.045, 2.042,
    ]
    return freedom <= table.count ? table[freedom - 1] : 1.96 + 2.5 / Double(freedom)
  }

  public var interval: ClosedRange<Double> { (difference - halfWidth)...(difference + halfWidth) }

  public var outcome: Outcome {
    if interval.lowerBound > 0 { return .beats }
    return interval.upperBound <= 0 ? .doesNotBeat : .inconclusive
  }
}
