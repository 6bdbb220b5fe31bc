// The result of a distillation, as a table and as JSON.
import Distillation
import Foundation
import Storage

/// One row of the verdict.
struct VerdictRow {
  let arm: String
  let parameterCount: Int
  let evaluation: Evaluation
  let bytesPerToken: Double

  var bitsPerByte: Double { evaluation.natsPerToken / bytesPerToken / log(2) }
}

/// Rows for teacher, student and control, and what follows from them.
struct VerdictTable {
  let rows: [VerdictRow]
  let verdict: Verdict

  var cells: [[String]] {
    [
      [
        "", "parameters", "nats/token", "bits/byte", "KL to teacher", "top-1 agreement", "tokens/s",
      ]
    ]
      + rows.map { row in
        [
          row.arm, grouped(row.parameterCount), fixed(row.evaluation.natsPerToken, 4),
          fixed(row.bitsPerByte, 4), row.evaluation.klToTeacher.map { fixed($0, 4) } ?? "-",
          row.evaluation.agreement.map { fixed(100 * $0, 1) + " %" } ?? "-",
          grouped(Int(row.evaluation.tokensPerSecond)),
        ]
      }
  }

  var sentence: String {
    let range = verdict.interval
    return "The distilled student \(verdict.outcome.rawValue) the control: control - student = "
      + "\(fixed(verdict.difference, 4)) nats/token, 95 % interval "
      + "[\(fixed(range.lowerBound, 4)), \(fixed(range.upperBound, 4))] over "
      + "\(grouped(verdict.windowCount)) paired held-out windows, one seed."
  }

  /// The content of `verdict.json`.
  func json(device: String) -> String {
    let arms: [(key: String, value: any JSONValue)] = rows.map { row in
      (
        row.arm,
        JSONObject([
          ("parameters", row.parameterCount), ("nats_per_token", row.evaluation.natsPerToken),
          ("bits_per_byte", row.bitsPerByte), ("kl_to_teacher", row.evaluation.klToTeacher),
          ("top1_agreement", row.evaluation.agreement),
          ("tokens_per_second", row.evaluation.tokensPerSecond),
          ("held_out_tokens", row.evaluation.tokenCount),
        ])
      )
    }
    return JSONObject([
      ("verdict", verdict.outcome.rawValue), ("difference_nats_per_token", verdict.difference),
      ("interval_95", [verdict.interval.lowerBound, verdict.interval.upperBound]),
      ("paired_windows", verdict.windowCount), ("seeds", 1), ("arms", JSONObject(arms)),
      ("device", device), ("retort", Retort.version),
    ]).json + "\n"
  }
}
