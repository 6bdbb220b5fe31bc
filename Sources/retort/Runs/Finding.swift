// What was found before a run.
import Foundation
import Training

/// Something that was looked at before a run.
struct Finding {
  enum Level: String {
    case fine = "ok"
    case warning = "warning"
    /// The run is refused, unless it is forced.
    case refusal = "refused"
  }

  let level: Level
  let text: String

  static func fine(_ text: String) -> Finding { Finding(level: .fine, text: text) }
  static func warning(_ text: String) -> Finding { Finding(level: .warning, text: text) }
  static func refusal(_ text: String) -> Finding { Finding(level: .refusal, text: text) }

  private static let column = 9

  private var line: String {
    level.rawValue.padding(toLength: Self.column, withPad: " ", startingAt: 0) + text
  }

  private var mark: Mark {
    let style: Mark.Style =
      switch level {
      case .fine: .good
      case .warning: .doubtful
      case .refusal: .bad
      }
    return Mark(words: level.rawValue, style: style)
  }

  /// Writes the finding as a result.
  func tell() throws { try retort.tell(prose: line, marking: [mark], indent: Self.column) }

  /// Writes the finding before a run; of one that finds nothing wrong nobody hears who wants quiet.
  func warn() {
    if level == .fine, isQuiet { return }
    retort.warn(line, marking: [mark], indent: Self.column)
  }
}

extension Finding {
  /// How often some data are seen by a model that is trained like this.
  static func passes(_ options: TrainingOptions, over data: any Dataset, isValidated: Bool)
    -> Finding
  {
    let rows = options.stepCount * options.batchSize * options.microBatchCount
    let passes = Double(rows) / Double(max(1, data.count))
    let sentence = "the data are seen \(fixed(passes, passes < 0.1 ? 3 : 1)) times"
    guard options.stepCount >= 20 else {
      return .warning(
        sentence + ": \(counted(options.stepCount, "step")) of the optimizer teach little")
    }
    guard passes > 20 else { return .fine(sentence) }
    guard passes <= 200 else {
      return .warning(
        sentence
          + ": a text that is seen so often teaches little. More text helps, or fewer steps, or a higher "
          + "text_share where the model reads a share of it")
    }
    return isValidated
      ? .fine(sentence + "; of every model the weights are kept that are best on validation text")
      : .warning(sentence + ": they may be learnt by heart")
  }
}
