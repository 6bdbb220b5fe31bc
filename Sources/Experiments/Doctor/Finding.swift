// What was found before a run.
import Base
import Foundation
import Training

/// Something that was looked at before a run.
public struct Finding: Sendable {
  /// How much a finding matters.
  public enum Level: String, Sendable {
    /// As it should be.
    case fine = "ok"
    /// May spoil the run.
    case warning = "warning"
    /// The run is refused, unless it is forced.
    case refusal = "refused"
  }

  /// How much it matters.
  public let level: Level
  /// What was found, in words.
  public let text: String

  /// A finding that is as it should be.
  public static func fine(_ text: String) -> Finding { Finding(level: .fine, text: text) }
  /// A finding that may spoil the run.
  public static func warning(_ text: String) -> Finding { Finding(level: .warning, text: text) }
  /// A finding with which no run begins unless it is forced.
  public static func refusal(_ text: String) -> Finding { Finding(level: .refusal, text: text) }
}

extension Finding {
  /// How often some data are seen by a model that is trained like this.
  package static func passes(_ options: TrainingOptions, over data: any Dataset, isValidated: Bool)
    -> Finding
  {
    let rows = options.stepCount * options.batchSize * options.microBatchCount
    let passes = Double(rows) / Double(max(1, data.count))
    let sentence = "the data are seen \(fixed(passes, passes < 0.1 ? 3 : 1)) times"
    guard options.stepCount >= 20 else {
      return .warning(
        sentence + ": \(counted(options.stepCount, "step")) of the optimizer "
          + (options.stepCount == 1 ? "teaches little" : "teach little"))
    }
    guard passes > 20 else { return .fine(sentence) }
    guard passes <= 200 else {
      return .warning(
        sentence
          + ": data that are seen so often teach little. More data help, or fewer steps, or a larger "
          + "share of the data where the model reads a share of them")
    }
    return isValidated
      ? .fine(sentence + "; of every model the weights are kept that are best on validation rows")
      : .warning(sentence + ": they may be learnt by heart")
  }
}
