// One line of `metrics.jsonl`.
import Foundation
import Storage
import Training

/// Numbers of an arm after a step: those of the training, or the loss on the validation rows alone.
package struct MetricsRecord {
  let arm: String
  let step: Int
  /// Every other number of the line by its name.
  let values: [String: Double]

  init?(_ line: String) {
    guard let object = (try? JSON(parsing: Data(line.utf8)))?.object,
      let arm = object["arm"]?.string, let step = object["step"]?.int
    else { return nil }
    (self.arm, self.step) = (arm, step)
    values = object.members.reduce(into: [:]) { $0[$1.key] = $1.value.double }
  }

  subscript(key: String) -> Double? { values[key] }

  private static let facts: Set = [
    "step", "learning_rate", "gradient_norm", "seconds", "flops", "crc32c",
  ]
  private static let rate = "_per_second"

  /// Those of some keys that name a rate, such as "tokens_per_second".
  static func rates(_ keys: Set<String>) -> [String] { keys.filter { $0.hasSuffix(rate) }.sorted() }

  /// Whether a number says what a model costs: its size, or its speed.
  static func isCost(_ key: String) -> Bool {
    key == "parameters" || key.hasSuffix(rate) || key.hasPrefix("milliseconds_per_")
  }

  /// Those of some keys that name a term of a loss: neither facts, nor what rates count.
  static func terms(_ keys: Set<String>) -> Set<String> {
    let rates = rates(keys)
    return keys.subtracting(facts).subtracting(rates)
      .subtracting(rates.map { String($0.dropLast(rate.count)) })
  }

  /// The numbers that TensorBoard shows.
  static func scalars(_ m: StepMetrics) -> [(name: String, value: Double)] {
    m.means.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } + [
      ("learning_rate", m.learningRate), ("gradient_norm", m.gradientNorm),
      ("\(m.unit)_per_second", m.targetsPerSecond),
    ]
  }

  /// The fields of a line: the loss, every term that its objective names, and what the step took. `flops` are those of
  /// one step.
  static func fields(_ arm: String, _ m: StepMetrics, flops: Double) -> [(
    key: String, value: any JSONValue
  )] {
    let terms = m.means.keys.filter { $0 != "loss" }.sorted()
    return [("arm", arm), ("step", m.step)]
      + (["loss"] + terms).map { ($0, m.means[$0]) } + [
        ("learning_rate", m.learningRate), ("gradient_norm", m.gradientNorm),
        (m.unit, m.targetCount), ("\(m.unit)_per_second", m.targetsPerSecond),
        ("flops", flops * Double(m.step)), ("seconds", m.seconds),
      ]
  }
}
