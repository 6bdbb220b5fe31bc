// What a run found of language models.
import Foundation
import Text

extension ArmResult {
  /// A language model's numbers, means over `evaluations`, one for each seed. `cost` is what its training took, per seed.
  init(
    _ arm: String, parameterCount: Int, _ evaluations: [Evaluation], bytesPerToken: Double,
    speed: Speed? = nil, cost: RunFolder.Cost? = nil
  ) {
    func mean(_ value: (Evaluation) -> Double?) -> Double? {
      let known = evaluations.compactMap(value)
      return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }
    let nats = mean(\.natsPerToken)
    self.init(
      arm: arm,
      metrics: [
        Metric("parameters", "parameters", Double(parameterCount), .count),
        Metric("bytes", nil, Double(4 * parameterCount), .count),
        Metric("nats_per_token", "nats/token", nats, .decimals),
        Metric("bits_per_byte", "bits/byte", nats.map { $0 / bytesPerToken / log(2) }, .decimals),
        Metric("kl_to_teacher", "KL to teacher", mean(\.klToTeacher), .decimals),
        Metric("top1_agreement", "top-1 agreement", mean(\.agreement), .share),
        Metric("expected_calibration_error", "ECE", mean(\.calibrationError), .decimals),
        Metric("tokens_per_second", "tokens/s", speed?.tokensPerSecond, .count),
        Metric(
          "milliseconds_per_new_token", "ms/token", speed.map { 1000 * $0.secondsPerToken },
          .hundredths),
        Metric("training_flops", "TFLOP", cost?.flops, .operations),
        Metric("training_seconds", "trained", cost?.seconds, .duration),
        Metric("held_out_tokens", nil, (evaluations.first?.tokenCount).map(Double.init), .count),
      ], reliability: evaluations.first?.calibration.points ?? [])
  }
}

extension Outcome {
  /// What came of a distillation of language models. After the first answer it says where the student stands between
  /// its control and the teacher.
  init(
    languageModels arms: [ArmResult], _ answers: Answers, samples: [Sample], seconds: Double
  ) {
    func loss(_ arm: String) -> Double? { arms.first { $0.arm == arm }?["nats_per_token"] }
    /// The share of the distance between a control and the teacher that the student is nearer to the teacher; nil where
    /// the teacher is no better than the control.
    func gapClosed(_ question: Question) -> Double? {
      guard let teacher = loss("teacher"), let student = loss("student"),
        let control = loss(question.arm),
        control - teacher > answers.verdict(question)?.halfWidth ?? 0
      else { return nil }
      return (control - student) / (control - teacher)
    }
    var sentences = answers.sentences
    if let first = answers.answers.first?.question, loss("teacher") != nil {
      if answers.verdict(first)?.outcome != .inconclusive {
        sentences.insert(standing(gapClosed: gapClosed(first)), at: 1)
      }
      if let other = answers.answers.dropFirst().first?.question, gapClosed(first) != nil,
        gapClosed(other) == nil
      {
        sentences.append(
          "The teacher is worse on this text than the control of equal \(other.rawValue): it has little to teach."
        )
      }
    }
    self.init(
      arms, quality: "bits_per_byte", answers: answers, sentences: sentences, samples: samples,
      seconds: seconds)
    gapsClosed = answers.answers.map { ($0.question.key, gapClosed($0.question)) }
  }
}

/// Where the student stands by loss, from the share of a control's distance from the teacher that it is nearer; nil where
/// the teacher is no better than the control.
func standing(gapClosed: Double?) -> String {
  guard let gapClosed else { return "The teacher is no better than the control on this text." }
  if gapClosed >= 1 { return "The student is as good as its teacher." }
  if gapClosed < 0 {
    return
      "The student's loss is above that control's, so it closes none of the gap to the teacher."
  }
  return
    "The student closes \(fixed(100 * gapClosed, 0)) % of the gap between that control and the teacher."
}
