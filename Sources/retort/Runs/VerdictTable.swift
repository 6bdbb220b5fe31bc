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
  let heldOutTokens: Int
  /// Warm; one for all models of one shape.
  var speed: Speed?
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
    heldOutTokens = evaluations.first?.tokenCount ?? 0
  }

  var bitsPerByte: Double { natsPerToken / bytesPerToken / log(2) }

  static let header = [
    "", "parameters", "nats/token", "bits/byte", "KL to teacher", "top-1 agreement", "ECE",
    "tokens/s", "ms/token", "TFLOP", "trained",
  ]

  var cells: [String] {
    [
      Question.title(ofArm: arm), grouped(parameterCount), fixed(natsPerToken, 4),
      fixed(bitsPerByte, 4),
      klToTeacher.map { fixed($0, 4) } ?? "-",
      agreement.map { fixed(100 * $0, 1) + " %" } ?? "-", fixed(calibrationError, 4),
      speed.map { grouped(Int($0.tokensPerSecond)) } ?? "-",
      speed.map { fixed(1000 * $0.secondsPerToken, 2) } ?? "-",
      cost.map { fixed($0.flops / 1e12, 1) } ?? "-", cost.map { duration($0.seconds) } ?? "-",
    ]
  }

  var json: JSONObject {
    JSONObject([
      ("parameters", parameterCount), ("bytes", 4 * parameterCount),
      ("nats_per_token", natsPerToken), ("bits_per_byte", bitsPerByte),
      ("kl_to_teacher", klToTeacher), ("top1_agreement", agreement),
      ("expected_calibration_error", calibrationError),
      ("tokens_per_second", speed?.tokensPerSecond),
      ("milliseconds_per_new_token", speed.map { 1000 * $0.secondsPerToken }),
      ("training_flops", cost?.flops), ("training_seconds", cost?.seconds),
      ("held_out_tokens", heldOutTokens),
    ])
  }
}

/// Rows for teacher, student and controls, and what follows from them.
struct VerdictTable {
  /// Rows by the name of their arm.
  let rows: [VerdictRow]
  let answers: Answers

  private func loss(_ arm: String) -> Double? { rows.first { $0.arm == arm }?.natsPerToken }

  var cells: [[String]] { [VerdictRow.header] + rows.map(\.cells) }

  /// The share of the distance between a control and the teacher, in nats per token, that the student is nearer to the
  /// teacher; nil where the teacher is no better than the control.
  func gapClosed(_ question: Question) -> Double? {
    guard let teacher = loss("teacher"), let student = loss("student"),
      let control = loss(question.arm), control > teacher
    else { return nil }
    return (control - student) / (control - teacher)
  }

  /// What the answers say; after the first, where the student stands between its control and the teacher.
  var sentences: [String] {
    var lines = answers.sentences
    guard let first = answers.answers.first, loss("teacher") != nil else { return lines }
    lines.insert(standing(gapClosed: gapClosed(first.question)), at: 1)
    if let other = answers.answers.dropFirst().first?.question,
      gapClosed(first.question) != nil, gapClosed(other) == nil
    {
      lines.append(
        "The teacher is worse on this text than the control of equal \(other.rawValue): it has little to teach."
      )
    }
    return lines
  }

  /// The content of `verdict.json`.
  func json(device: String, forced: [String]) -> String {
    let arms = rows.map { (key: $0.arm, value: $0.json as any JSONValue) }
    return JSONObject(
      answers.fields + [
        (
          "gap_closed",
          JSONObject(answers.answers.map { ($0.question.key, gapClosed($0.question)) })
        ),
        ("forced_against", forced), ("arms", JSONObject(arms)), ("device", device),
        ("retort", Retort.version),
      ]
    ).json + "\n"
  }
}
