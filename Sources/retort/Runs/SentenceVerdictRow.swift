// The result of a sentence encoder's distillation, arm by arm.
import Distillation
import Storage

/// One row of the verdict on sentence vectors, with means over seeds; the teacher has none.
struct SentenceVerdictRow {
  let arm: String
  let parameterCount: Int
  let evaluations: [SentenceEvaluation]
  let sentencesPerSecond: Double
  let cost: (flops: Double, seconds: Double)?

  private func mean(_ value: (SentenceEvaluation) -> Double?) -> Double? {
    let known = evaluations.compactMap(value)
    return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
  }

  static let header = [
    "", "parameters", "cosine to teacher", "similarities (Spearman)", "same neighbour",
    "sentences/s",
    "TFLOP", "trained",
  ]

  var cells: [String] {
    [
      Question.title(ofArm: arm), grouped(parameterCount),
      mean(\.cosine).map { fixed($0, 4) } ?? "-",
      mean(\.rankCorrelation).map { fixed($0, 4) } ?? "-",
      mean(\.neighbourAgreement).map { fixed(100 * $0, 1) + " %" } ?? "-",
      grouped(Int(sentencesPerSecond)), cost.map { fixed($0.flops / 1e12, 1) } ?? "-",
      cost.map { duration($0.seconds) } ?? "-",
    ]
  }

  var json: JSONObject {
    JSONObject([
      ("parameters", parameterCount), ("bytes", 4 * parameterCount),
      ("cosine_to_teacher", mean(\.cosine)),
      ("similarity_rank_correlation", mean(\.rankCorrelation)),
      ("nearest_neighbour_agreement", mean(\.neighbourAgreement)),
      ("sentences_per_second", sentencesPerSecond), ("training_flops", cost?.flops),
      ("training_seconds", cost?.seconds),
    ])
  }
}
