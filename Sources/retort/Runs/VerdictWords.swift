// What a verdict says in words, and what it will rest on.
import Distillation

extension Verdict {
  /// The outcome as a word; one seed is one seed.
  var word: String { outcome.rawValue + (seedDifferences.count == 1 ? " (one seed)" : "") }

  /// What came of it. Losses and distances are in `unit`, over `rows` of held-out data.
  func sentence(unit: String, rows: String) -> String {
    let subject =
      switch outcome {
      case .beats, .doesNotBeat: "The distilled student \(word) the control"
      case .inconclusive: "Whether the distilled student beats the control is \(word)"
      }
    return subject + ": control - student = \(fixed(difference, 4)) \(unit), 95 % interval "
      + "[\(fixed(interval.lowerBound, 4)), \(fixed(interval.upperBound, 4))] over "
      + "\(grouped(windowCount)) paired held-out \(rows)" + covered
  }

  /// Which chances the interval covers.
  private var covered: String {
    switch seedDifferences.count {
    case 1: ". It covers the choice of text, not of the seed: --seeds 3 covers both."
    case 2: ", 2 seeds. \(Evidence.twoSeeds)"
    case let count: ", \(count) seeds."
    }
  }

  /// One line on what to try where the student is no better.
  var advice: String? {
    outcome == .doesNotBeat
      ? "What to try: a teacher that knows more of such text, a loss that heeds it more or less "
        + "(distillation.alpha, distillation.temperature), more steps, or a larger student." : nil
  }
}

/// Where the student stands, by the share of the control's distance from the teacher that it is nearer; nil where the
/// teacher is no better than the control.
func standing(gapClosed: Double?) -> String {
  guard let gapClosed else { return "The teacher is no better than the control on this text." }
  if gapClosed >= 1 { return "It is as good as its teacher." }
  if gapClosed < 0 { return "The student is further from the teacher than the control." }
  return "It closes \(fixed(100 * gapClosed, 0)) % of the gap between control and teacher."
}

/// What a verdict will rest on, before anything is trained.
struct Evidence {
  /// Held-out rows, and what they are called.
  let rowCount: Int
  let rows: String
  let seeds: Int

  /// A difference over fewer rows is hardly ever decided by its interval.
  static let fewestRows = 50

  static let twoSeeds =
    "Two seeds leave one degree of freedom for the choice of seed, 12.7 standard errors to each side; "
    + "three leave two, and 4.3."

  func findings() -> [Finding] {
    let sentence =
      "the verdict will rest on \(grouped(rowCount)) held-out \(rows) and "
      + (seeds == 1 ? "one seed" : "\(seeds) seeds")
    var faults: [String] = []
    if rowCount < Self.fewestRows {
      faults.append("so few seldom decide anything: hold out more text, or use shorter sequences")
    }
    if seeds == 2 { faults.append(Self.twoSeeds) }
    return [
      faults.isEmpty
        ? .fine(sentence) : .warning("\(sentence). \(faults.joined(separator: ". "))")
    ]
  }
}

extension DistillRecipe {
  /// What its verdict will rest on; nothing where it declines one.
  func evidence(_ rowCount: Int, _ rows: String) -> [Finding] {
    distillation.withoutControl.isEmpty
      ? Evidence(rowCount: rowCount, rows: rows, seeds: seeds).findings() : []
  }
}
