// What a run found of sentence encoders.
import Sentences

extension ArmResult {
  /// A sentence encoder's numbers, means over seeds: `losses` of a task, and `evaluations` of its distance to the
  /// teacher, of which a teacher has none.
  init(
    _ arm: String, parameterCount: Int, _ evaluations: [SentenceEvaluation], task: SentenceTask,
    losses: [[Double]], sentencesPerSecond: Double, cost: RunFolder.Cost?
  ) {
    let means = losses.map { $0.reduce(0, +) / Double(max(1, $0.count)) }
    func mean(_ value: (SentenceEvaluation) -> Double?) -> Double? {
      let known = evaluations.compactMap(value)
      return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }
    self.init(
      arm: arm,
      metrics: [
        Metric("parameters", "parameters", Double(parameterCount), .count),
        Metric("bytes", nil, Double(4 * parameterCount), .count),
        Metric(
          task.title.key, task.title.words, 1 - means.reduce(0, +) / Double(max(1, means.count)),
          .decimals),
        Metric("cosine_to_teacher", "cosine to teacher", mean(\.cosine), .decimals),
        Metric(
          "similarity_rank_correlation", "similarities (Spearman)", mean(\.rankCorrelation),
          .decimals),
        Metric(
          "nearest_neighbour_agreement", "same neighbour", mean(\.neighbourAgreement), .share),
        Metric("sentences_per_second", "sentences/s", sentencesPerSecond, .count),
        Metric("training_flops", "TFLOP", cost?.flops, .operations),
        Metric("training_seconds", "trained", cost?.seconds, .duration),
      ])
  }
}
