// The result of a distillation, as a table and as JSON.
import Distillation
import Foundation
import Storage

/// One row of the verdict: an arm, with means over its seeds.
struct VerdictRow {
  let arm: String
  let parameterCount: Int
  let bytesPerToken: Double
  let natsPerToken: Double
  let klToTeacher: Double?
  let agreement: Double?
  let calibrationError: Double
  let tokensPerSecond: Double
  let heldOutTokens: Int
  /// Seconds for each new token of one text; nil where none was generated.
  var secondsPerToken: Double?
  /// What training took, per seed.
  var cost: (flops: Double, seconds: Double)?

  init(
    arm: String, parameterCount: Int, _ evaluations: [Evaluation], bytesPerToken: Double
  ) {
    func mean(_ value: (Evaluation) -> Double?) -> Double? {
      let known = evaluations.compactMap(value)
      return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }
    self.arm = arm
    self.parameterCount = parameterCount
    self.bytesPerToken = bytesPerToken
    natsPerToken = mean(\.natsPerToken) ?? .nan
    klToTeacher = mean(\.klToTeacher)
    agreement = mean(\.agreement)
    calibrationError = mean(\.calibrationError) ?? .nan
    tokensPerSecond = mean(\.tokensPerSecond) ?? .nan
    heldOutTokens = evaluations.first?.tokenCount ?? 0
  }

  var bitsPerByte: Double { natsPerToken / bytesPerToken / log(2) }

  static let header = [
    "", "parameters", "nats/token", "bits/byte", "KL to teacher", "top-1 agreement", "ECE",
    "tokens/s", "ms/token", "TFLOP", "trained",
  ]

  var cells: [String] {
    [
      arm, grouped(parameterCount), fixed(natsPerToken, 4), fixed(bitsPerByte, 4),
      klToTeacher.map { fixed($0, 4) } ?? "-",
      agreement.map { fixed(100 * $0, 1) + " %" } ?? "-", fixed(calibrationError, 4),
      grouped(Int(tokensPerSecond)), secondsPerToken.map { fixed(1000 * $0, 2) } ?? "-",
      cost.map { fixed($0.flops / 1e12, 1) } ?? "-", cost.map { duration($0.seconds) } ?? "-",
    ]
  }

  var json: JSONObject {
    JSONObject([
      ("parameters", parameterCount), ("bytes", 4 * parameterCount),
      ("nats_per_token", natsPerToken), ("bits_per_byte", bitsPerByte),
      ("kl_to_teacher", klToTeacher), ("top1_agreement", agreement),
      ("expected_calibration_error", calibrationError), ("tokens_per_second", tokensPerSecond),
      ("milliseconds_per_new_token", secondsPerToken.map { 1000 * $0 }),
      ("training_flops", cost?.flops), ("training_seconds", cost?.seconds),
      ("held_out_tokens", heldOutTokens),
    ])
  }
}

/// Rows for teacher, student and control, and what follows from them.
struct VerdictTable {
  let rows: [VerdictRow]
  /// nil where no control was trained.
  let verdict: Verdict?
  /// Why there is no control.
  let declined: String

  private func row(_ arm: String) -> VerdictRow? { rows.first { $0.arm == arm } }

  var cells: [[String]] { [VerdictRow.header] + rows.map(\.cells) }

  /// The share of the control's distance from the teacher, in nats per token, that the student is nearer;
  /// nil where the teacher is no better than the control.
  var gapClosed: Double? {
    guard let teacher = row("teacher"), let student = row("student"), let control = row("control"),
      control.natsPerToken > teacher.natsPerToken
    else { return nil }
    return (control.natsPerToken - student.natsPerToken)
      / (control.natsPerToken - teacher.natsPerToken)
  }

  var sentence: String {
    guard let verdict else {
      return "Whether distilling helped is not known: no control was trained (\(declined))."
    }
    var parts = [verdict.sentence(unit: "nats/token", rows: "windows")]
    if row("teacher") != nil { parts.append(standing(gapClosed: gapClosed)) }
    return (parts + [verdict.advice].compactMap { $0 }).joined(separator: " ")
  }

  /// The content of `verdict.json`.
  func json(device: String, forced: [String]) -> String {
    let arms = rows.map { (key: $0.arm, value: $0.json as any JSONValue) }
    return JSONObject(
      Verdict.fields(verdict, unit: "nats_per_token", declined: declined) + [
        ("gap_closed", gapClosed), ("forced_against", forced), ("arms", JSONObject(arms)),
        ("device", device),
        ("retort", Retort.version),
      ]
    ).json + "\n"
  }
}

extension Verdict {
  /// The fields of `verdict.json` that say so; without a verdict the reason why there is none.
  static func fields(_ verdict: Verdict?, unit: String, declined: String)
    -> [(key: String, value: any JSONValue)]
  {
    guard let verdict else { return [("verdict", "NO CONTROL"), ("without_control", declined)] }
    return [
      ("verdict", verdict.outcome.rawValue), ("difference_\(unit)", verdict.difference),
      ("interval_95", [verdict.interval.lowerBound, verdict.interval.upperBound]),
      ("paired_windows", verdict.windowCount), ("seeds", verdict.seedDifferences.count),
      ("seed_differences", verdict.seedDifferences),
    ]
  }
}
