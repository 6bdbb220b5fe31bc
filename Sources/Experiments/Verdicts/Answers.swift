// What a verdict says in words, and what it will rest on.
import Base
import Distillation
import Storage

extension Verdict {
  /// What came of it. Losses and distances are in `unit`, over `rows` of held-out data.
  package func sentence(_ question: Question, unit: String, rows: String) -> String {
    "At equal \(question.rawValue) \(statement(unit: unit, rows: rows))"
  }
}

/// The verdicts of a run, by question.
package struct Answers {
  struct Answer {
    let question: Question
    let verdict: Verdict
    /// How many steps the control took.
    let controlSteps: Int
  }

  let answers: [Answer]
  /// The unit of losses or distances, and what the held-out rows are called.
  let unit: String
  let rows: String
  /// Why there is no control; empty where there is one.
  let declined: String
  /// What the measure itself favours, if anything.
  var caveat: String?
  /// What helps where the student is no better on the same data.
  var remedy =
    "a teacher that knows more of such data, a loss that heeds it more or less, more steps, or a larger student"

  /// Reads what `fields` wrote; nil where there is nothing such.
  init?(_ json: JSON) {
    declined = json["without_control"]?.string ?? ""
    var (unit, rows) = ("", "windows")
    answers = Question.allCases.compactMap { question in
      guard let answer = json[question.key], let difference = answer["difference"]?.double,
        let interval = answer["interval_95"]?.array?.compactMap(\.double), interval.count == 2
      else { return nil }
      unit = answer["unit"]?.string ?? ""
      let paired = answer.object?.members.first { $0.key.hasPrefix("paired_") }
      rows = String(paired?.key.dropFirst("paired_".count) ?? "windows")
      return Answer(
        question: question,
        verdict: Verdict(
          difference: difference, halfWidth: (interval[1] - interval[0]) / 2,
          windowCount: paired?.value.int ?? 0,
          seedDifferences: (answer["seed_differences"]?.array ?? []).compactMap(\.double),
          resampleCount: answer["resamples"]?.int),
        controlSteps: answer["control_steps"]?.int ?? 0)
    }
    (self.unit, self.rows) = (unit, rows)
    guard !answers.isEmpty || !declined.isEmpty else { return nil }
  }

  init(answers: [Answer], _ measure: Measure, declined: String) {
    (self.answers, unit, rows) = (answers, measure.unit, measure.rows)
    (self.declined, caveat) = (declined, measure.caveat)
    remedy = measure.remedy ?? remedy
  }

  package func verdict(_ question: Question) -> Verdict? {
    answers.first { $0.question == question }?.verdict
  }

  /// A line for each question; what the intervals leave out, and what to try.
  var sentences: [String] {
    guard let first = answers.first?.verdict else {
      return ["Whether distilling helped is not known: no control was trained (\(declined))."]
    }
    let lines = answers.map { $0.verdict.sentence($0.question, unit: unit, rows: rows) }
    return lines + [caveat, limits(first), advice].compactMap { $0 }
  }

  /// Which chances the intervals leave out.
  private func limits(_ verdict: Verdict) -> String? {
    switch verdict.seedDifferences.count {
    case 1:
      "\(answers.count == 1 ? "The interval covers" : "Intervals cover") the choice of data, not of the seed: "
        + "three seeds (seeds=3) cover both."
    case 2: Evidence.twoSeeds
    default: nil
    }
  }

  /// One line on what to try where the student is no better.
  var advice: String? {
    func fails(_ question: Question) -> Bool { verdict(question)?.outcome == .doesNotBeat }
    if fails(.data) { return "What to try: \(remedy)." }
    return fails(.compute)
      ? "The teacher's passes were better spent on more steps without it. What to try: a smaller teacher, or a cache of "
        + "it that several students share." : nil
  }

  /// The members of `verdict.json` that say so.
  var fields: [(key: String, value: any JSONValue)] {
    guard !answers.isEmpty else { return [("without_control", declined)] }
    return answers.map { answer in
      let verdict = answer.verdict
      return (
        answer.question.key,
        JSONObject(
          [
            ("verdict", verdict.outcome.rawValue), ("difference", verdict.difference),
            ("unit", unit),
            ("interval_95", [verdict.interval.lowerBound, verdict.interval.upperBound]),
            ("paired_\(rows)", verdict.windowCount), ("seeds", verdict.seedDifferences.count),
            ("seed_differences", verdict.seedDifferences), ("control_steps", answer.controlSteps),
          ] + (verdict.resampleCount.map { [("resamples", $0)] } ?? []))
      )
    }
  }
}

/// What a verdict will rest on, before anything is trained.
struct Evidence {
  /// Held-out rows, and what they are called.
  let rowCount: Int
  let rows: String
  /// How there come to be more of them, where a task has words for it.
  var moreRows: String?
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
      faults.append(
        "So few seldom decide anything: \(moreRows ?? "hold out more")"
      )
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
  func evidence(_ rowCount: Int, _ measure: Measure) -> [Finding] {
    distillation.withoutControl.isEmpty
      ? Evidence(rowCount: rowCount, rows: measure.rows, moreRows: measure.moreRows, seeds: seeds)
        .findings() : []
  }
}
