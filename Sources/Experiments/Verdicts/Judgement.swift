// What a task's evaluations say of arms and of the student.
import Base
import Foundation

extension ArmResult {
  /// An arm's numbers: means over `evaluations`, one for each seed, with sizes, speed, and what its training took, per seed.
  package init(
    _ arm: String, parameterCount: Int, _ evaluations: [ArmEvaluation], speed: [Metric],
    cost: RunFolder.Cost?
  ) {
    let means = evaluations[0].metrics.map { metric -> Metric in
      let known = evaluations.compactMap { evaluation in
        evaluation.metrics.first { $0.key == metric.key }?.value
      }
      let mean = known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
      return Metric(metric.key, metric.title, mean, metric.format, better: metric.better)
    }
    self.init(
      arm: arm,
      metrics: [
        Metric("parameters", "parameters", Double(parameterCount), .count),
        Metric("bytes", nil, Double(4 * parameterCount), .count),
      ] + means + speed + [
        Metric("training_flops", "TFLOP", cost?.flops, .operations),
        Metric("training_seconds", "trained", cost?.seconds, .duration),
      ], reliability: evaluations[0].reliability)
  }
}

extension Outcome {
  /// What came of a distillation. After the first answer it says where the student stands between its control and the
  /// teacher, where the measure knows a gap.
  package init(
    _ arms: [ArmResult], _ measure: Measure, _ answers: Answers, samples: [Sample], seconds: Double
  ) {
    func loss(_ arm: String) -> Double? {
      measure.gap.flatMap { key in arms.first { $0.arm == arm }?[key] }
    }
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
          "The teacher is worse on this data than the control of equal \(other.rawValue): it has little to teach."
        )
      }
    }
    self.init(
      arms, quality: measure.quality, answers: answers, sentences: sentences, samples: samples,
      seconds: seconds)
    if measure.gap != nil {
      gapsClosed = answers.answers.map { ($0.question.key, gapClosed($0.question)) }
    }
  }
}

/// Where the student stands by loss, from the share of a control's distance from the teacher that it is nearer; nil where
/// the teacher is no better than the control.
func standing(gapClosed: Double?) -> String {
  guard let gapClosed else { return "The teacher is no better than the control on this data." }
  if gapClosed >= 1 { return "The student is as good as its teacher." }
  if gapClosed < 0 {
    return
      "The student's loss is above that control's, so it closes none of the gap to the teacher."
  }
  return
    "The student closes \(fixed(100 * gapClosed, 0)) % of the gap between that control and the teacher."
}
