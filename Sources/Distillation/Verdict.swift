// Whether distilling helped.
import Base
import Tensors

/// What held-out rows say of a model.
public enum RowEvidence {
  /// A loss for each row, of which models are compared by the mean.
  case losses([Double])
  /// A measure of any choice of rows, the smaller the better, such as a word error rate or 1 - mAP. Rows may come more
  /// than once, and numbers of rows start at 0.
  case measure(rowCount: Int, (_ rows: [Int]) -> Double)

  /// The number of held-out rows.
  public var rowCount: Int {
    switch self {
    case .losses(let losses): losses.count
    case .measure(let count, _): count
    }
  }

  func value(of rows: [Int]) -> Double {
    switch self {
    case .losses(let losses):
      rows.reduce(0) { $0 + losses[$1] } / Double(max(1, rows.count))
    case .measure(_, let measure): measure(rows)
    }
  }
}

/// The comparison of a student with its control: the same model trained on the same budget without
/// the teacher, with one seed or several.
public struct Verdict: Sendable {
  /// What an interval says.
  public enum Outcome: String, Sendable {
    /// The interval lies above 0: the student is better.
    case beats = "BEATS"
    /// The interval lies below 0, or ends there.
    case doesNotBeat = "DOES NOT BEAT"
    /// The interval holds 0.
    case inconclusive = "INCONCLUSIVE"
  }

  /// Mean over seeds and rows of (control's loss - student's loss), in the unit of the losses: above 0, the
  /// student is better.
  public let difference: Double
  /// Half the width of the 95 % interval of that mean.
  public let halfWidth: Double
  /// The number of held-out rows that were paired.
  public let windowCount: Int
  /// The mean difference of each seed.
  public let seedDifferences: [Double]
  /// How often rows were drawn anew for the interval; nil where it follows from their differences.
  public let resampleCount: Int?

  /// What another verdict found.
  package init(
    difference: Double, halfWidth: Double, windowCount: Int, seedDifferences: [Double],
    resampleCount: Int? = nil
  ) {
    (self.difference, self.halfWidth) = (difference, halfWidth)
    (self.windowCount, self.seedDifferences) = (windowCount, seedDifferences)
    self.resampleCount = resampleCount
  }

  /// Compares students with controls, a pair for each seed, by what the same held-out rows say of them.
  public init(_ pairs: [(student: RowEvidence, control: RowEvidence)]) {
    let losses = pairs.compactMap { pair -> (student: [Double], control: [Double])? in
      guard case .losses(let student) = pair.student, case .losses(let control) = pair.control
      else { return nil }
      return (student, control)
    }
    if losses.count == pairs.count {
      self.init(losses)
    } else {
      self.init(resampling: pairs)
    }
  }

  /// The same by a measure that is no mean over rows: a paired bootstrap (Efron and Tibshirani, An Introduction to the
  /// Bootstrap, 1993). Rows are drawn anew 1,000 times, the same for all models, and the standard deviation of the difference
  /// takes the place of its standard error.
  private init(resampling pairs: [(student: RowEvidence, control: RowEvidence)]) {
    let count = pairs.first?.student.rowCount ?? 0
    demand(
      pairs.allSatisfy { $0.student.rowCount == count && $0.control.rowCount == count },
      "the rows are not the same")
    /// The difference of each seed over some rows.
    func differences(_ rows: [Int]) -> [Double] {
      pairs.map { $0.control.value(of: rows) - $0.student.value(of: rows) }
    }
    seedDifferences = differences(Array(0..<count))
    difference = Self.mean(seedDifferences)
    windowCount = count
    resampleCount = Self.resamples
    let drawn = (0..<Self.resamples).map { sample in
      Self.mean(
        differences(
          (0..<count).map { row in
            let words = Philox.block(
              counter: [UInt32(sample), UInt32(row), 0, 0], key: [0xB007_57A9, 0])
            return Int((UInt64(words[0]) * UInt64(count)) >> 32)
          }))
    }
    let rows =
      count > 1
      ? 1.96 * Self.standardError(drawn) * Double(Self.resamples).squareRoot() : .infinity
    halfWidth = Self.joined(rows, seedDifferences)
  }

  private static let resamples = 1000

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
    resampleCount = nil
    let rows = count > 1 ? 1.96 * Self.standardError(byRow) : .infinity
    halfWidth = Self.joined(rows, seedDifferences)
  }

  /// The half-width for rows with that for seeds, which is Student's t.
  private static func joined(_ rows: Double, _ seedDifferences: [Double]) -> Double {
    let count = seedDifferences.count
    let seeds = count > 1 ? tQuantile(count - 1) * standardError(seedDifferences) : 0
    return (rows * rows + seeds * seeds).squareRoot()
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

  /// The 95 % interval of the mean difference.
  /// It is without bounds where losses are no numbers.
  public var interval: ClosedRange<Double> {
    guard difference.isFinite, halfWidth.isFinite else { return -.infinity ... .infinity }
    return (difference - halfWidth)...(difference + halfWidth)
  }

  /// What the interval says.
  public var outcome: Outcome {
    if interval.lowerBound > 0 { return .beats }
    return interval.upperBound <= 0 ? .doesNotBeat : .inconclusive
  }
}

extension Verdict: CustomStringConvertible {
  /// The outcome as a word; one seed is one seed.
  public var word: String { outcome.rawValue + (seedDifferences.count == 1 ? " (one seed)" : "") }

  /// Who beats whom, or that it is not known.
  package var claim: String {
    switch outcome {
    case .beats, .doesNotBeat: "the distilled student \(word) the control"
    case .inconclusive: "whether the distilled student beats the control is \(word)"
    }
  }

  /// One sentence: the claim, the difference with its interval, the rows and the seeds.
  public var description: String {
    let words = statement(unit: "", rows: "rows")
    return words.prefix(1).uppercased() + words.dropFirst()
  }

  /// The claim with the difference in a unit, such as "nats/token", over held-out rows of some name.
  package func statement(unit: String, rows: String) -> String {
    "\(claim): control - student = \(fixed(difference, 4))\(unit.isEmpty ? "" : " " + unit), "
      + "95 % interval [\(fixed(interval.lowerBound, 4)), \(fixed(interval.upperBound, 4))] over "
      + "\(grouped(windowCount)) paired held-out \(rows)"
      + (resampleCount.map { " (\(grouped($0)) resamples)" } ?? "")
      + (seedDifferences.count > 1 ? ", \(seedDifferences.count) seeds." : ".")
  }
}
