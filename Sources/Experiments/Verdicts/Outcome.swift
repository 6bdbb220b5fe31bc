// What a run found of its models, for the screen, for files and for the report.
import Base
import Distillation
import Foundation
import Storage

/// A number that was found of a model.
public struct Metric: Sendable {
  /// How a number is written.
  public enum Format: String, Sendable {
    /// With four decimals.
    case decimals
    /// A whole number.
    case count
    /// A share, in percent.
    case share
    /// With two decimals.
    case hundredths
    /// Floating-point operations, in TFLOP.
    case operations
    /// Seconds, in minutes and seconds.
    case duration
  }

  /// Which of two numbers is the better one.
  public enum Better: String, Sendable {
    /// Which number is the better one.
    case lower, higher
  }

  /// What it is called in files.
  public let key: String
  /// What it is called in tables; nil where it stands in files alone.
  public let title: String?
  /// nil where it means nothing for the model, such as the distance of a teacher from itself.
  public let value: Double?
  /// How the number is written.
  public let format: Format
  /// nil where neither is, as of sizes.
  public let better: Better?

  /// A number with its key in files, its title in tables, its format, and which direction is better.
  public init(
    _ key: String, _ title: String?, _ value: Double?, _ format: Format, better: Better? = nil
  ) {
    (self.key, self.title, self.value) = (key, title, value)
    (self.format, self.better) = (format, better)
  }

  /// The number as tables write it.
  public var text: String {
    guard let value else { return "-" }
    guard value.isFinite else { return "\(value)" }
    return switch format {
    case .decimals: fixed(value, 4)
    // What no run finds may stand in a file that is damaged.
    case _ where abs(value) >= 1e15 && format != .operations: "\(value)"
    case .count: grouped(Int(value))
    case .share: fixed(100 * value, 1) + " %"
    case .hundredths: fixed(value, 2)
    case .operations:
      value < 5e10 || value >= 1e21
        ? String(format: "%.2g", value / 1e12) : fixed(value / 1e12, 1)
    case .duration: Base.duration(value)
    }
  }

  fileprivate var json: any JSONValue {
    guard let value, value.isFinite else { return Double?.none }
    return format == .count && value == value.rounded() ? Int(value) : value
  }
}

/// A model of a run with what was found of it, means over its seeds.
package struct ArmResult {
  /// As the run calls it: "teacher", "student", "control", "control-compute", "model".
  package let arm: String
  package let metrics: [Metric]
  /// Bins of a reliability diagram, where the model predicts classes.
  package let reliability: [Calibration.Point]

  package subscript(key: String) -> Double? { metrics.first { $0.key == key }?.value }

  package var cells: [String] {
    [Question.title(ofArm: arm)] + metrics.filter { $0.title != nil }.map(\.text)
  }

  /// Reads what `json` wrote, with the columns that stand beside it.
  fileprivate init(_ arm: String, _ json: JSON, _ columns: [JSON]) {
    self.arm = arm
    metrics = columns.compactMap { column -> Metric? in
      guard let key = column["key"]?.string,
        let format = column["format"]?.string.flatMap(Metric.Format.init)
      else { return nil }
      return Metric(
        key, column["title"]?.string, json[key]?.double, format,
        better: column["better"]?.string.flatMap(Metric.Better.init))
    }
    reliability = (json["reliability"]?.array ?? []).compactMap { point -> Calibration.Point? in
      let numbers = (point.array ?? []).compactMap(\.double)
      guard numbers.count == 3 else { return nil }
      return Calibration.Point(probability: numbers[0], accuracy: numbers[1], share: numbers[2])
    }
  }

  package init(arm: String, metrics: [Metric], reliability: [Calibration.Point] = []) {
    (self.arm, self.metrics, self.reliability) = (arm, metrics, reliability)
  }

  fileprivate var json: JSONObject {
    let points = reliability.map { [$0.probability, $0.accuracy, $0.share] }
    return JSONObject(
      metrics.map { ($0.key, $0.json) } + (points.isEmpty ? [] : [("reliability", points)]))
  }
}

/// All that a run found: of every model, and whether the teacher helped.
public struct Outcome {
  package let arms: [ArmResult]
  /// The key of the metric by which models are compared at a glance.
  package let quality: String
  /// The verdicts; nil where the run compares nothing.
  package var answers: Answers?
  /// What the verdicts say, and where the student stands.
  public internal(set) var sentences: [String] = []
  /// What models made, each of the same prompt.
  var samples: [Sample] = []
  /// The share of each control's distance from the teacher that the student is nearer to the teacher, by question.
  var gapsClosed: [(key: String, value: Double?)] = []
  /// How long judging took.
  package var seconds = 0.0

  /// What a model made of a beginning.
  public struct Sample {
    /// The model's name in the run.
    public let arm: String
    /// The beginning, the same for every model.
    public let prompt: String
    /// What the model made of it.
    public let text: String
  }

  /// The comparison of the student with the control that took the same steps; nil where there is no such control.
  public var equalData: Verdict? { answers?.verdict(.data) }
  /// The comparison of the student with the control that took the same floating-point operations; nil where there is none.
  public var equalCompute: Verdict? { answers?.verdict(.compute) }

  /// A number of a model by the key of its metric, the mean over seeds: `outcome["student", "accuracy"]`.
  public subscript(arm: String, key: String) -> Double? {
    arms.first { $0.arm == arm }?[key]
  }

  /// The first row names the columns.
  package var cells: [[String]] {
    let titles = arms.first?.metrics.compactMap(\.title) ?? []
    return [[""] + titles] + arms.map(\.cells)
  }

  /// The content of `verdict.json`, or of `evaluation.json` where there is no verdict.
  package func json(of about: RunAbout?) -> JSONObject {
    JSONObject(
      (answers?.fields ?? []) + [
        ("gap_closed", JSONObject(gapsClosed.map { ($0.key, $0.value) })),
        ("sentences", sentences),
        ("arms", JSONObject(arms.map { ($0.arm, $0.json) })),
        (
          "metrics",
          (arms.first?.metrics ?? []).map {
            JSONObject([
              ("key", $0.key), ("title", $0.title), ("format", $0.format.rawValue),
              ("better", $0.better?.rawValue),
            ])
          }
        ),
        ("quality", quality),
        (
          "samples",
          samples.map {
            JSONObject([("arm", $0.arm), ("prompt", $0.prompt), ("text", $0.text)])
          }
        ),
        ("judging_seconds", seconds), ("forced_against", about?.forced ?? []),
        ("device", about?.device), ("retort", retortVersion),
      ])
  }

  /// Reads what `json` wrote; nil where there is nothing such.
  package init?(_ json: JSON) {
    guard let arms = json["arms"]?.object, let columns = json["metrics"]?.array,
      let quality = json["quality"]?.string
    else { return nil }
    self.quality = quality
    self.arms = arms.members.map { ArmResult($0.key, $0.value, columns) }
    answers = Answers(json)
    sentences = (json["sentences"]?.array ?? []).compactMap(\.string)
    samples = (json["samples"]?.array ?? []).compactMap { sample in
      guard let arm = sample["arm"]?.string, let text = sample["text"]?.string else { return nil }
      return Sample(arm: arm, prompt: sample["prompt"]?.string ?? "", text: text)
    }
    gapsClosed = (json["gap_closed"]?.object?.members ?? []).map { ($0.key, $0.value.double) }
    seconds = json["judging_seconds"]?.double ?? 0
  }

  package init(
    _ arms: [ArmResult], quality: String, answers: Answers?, sentences: [String],
    samples: [Sample] = [], seconds: Double
  ) {
    (self.arms, self.quality, self.answers) = (arms, quality, answers)
    (self.sentences, self.samples, self.seconds) = (sentences, samples, seconds)
  }

  /// What was found before the run and bears on what came of it.
  package func warnings(_ about: RunAbout?) -> [String] {
    (about?.findings ?? []).filter { $0.level == .warning }.map { finding in
      "Before the run: \(finding.text)" + (finding.text.hasSuffix(".") ? "" : ".")
    }
  }
}
