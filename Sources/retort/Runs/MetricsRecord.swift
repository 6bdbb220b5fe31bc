// One logged step.
import Foundation
import Storage
import Training

/// A line of `metrics.jsonl`, as far as the report reads it.
struct MetricsRecord: Decodable {
  let arm: String
  let step: Int
  let loss: Double?
  let ce: Double?
  let kl: Double?
  let cosine: Double?
  /// The loss on the validation rows, in a line of its own.
  let validation: Double?
  let seconds: Double?

  init?(_ line: String) {
    guard let own = try? JSONDecoder().decode(Self.self, from: Data(line.utf8)) else { return nil }
    self = own
  }

  /// The numbers that TensorBoard shows.
  static func scalars(_ m: StepMetrics) -> [(name: String, value: Double)] {
    m.means.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } + [
      ("learning_rate", m.learningRate), ("gradient_norm", m.gradientNorm),
      ("tokens_per_second", m.tokensPerSecond),
    ]
  }

  /// The fields of a line.
  static func fields(_ arm: String, _ m: StepMetrics) -> [(key: String, value: any JSONValue)] {
    [
      ("arm", arm), ("step", m.step), ("loss", m.means["loss"]), ("ce", m.means["ce"]),
      ("kl", m.means["kl"]), ("divergence", m.means["divergence"]), ("hidden", m.means["hidden"]),
      ("relations", m.means["relations"]),
      ("cosine", m.means["cosine"]),
      ("floored", m.means["floored"]), ("learning_rate", m.learningRate),
      ("gradient_norm", m.gradientNorm),
      ("tokens", m.tokenCount), ("tokens_per_second", m.tokensPerSecond), ("seconds", m.seconds),
    ]
  }
}
