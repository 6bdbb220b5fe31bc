// What was found before a run, and what a verdict says, as lines on a screen.
import Distillation
import Experiments

extension Finding {
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
  func tell() throws { try Command.tell(prose: line, marking: [mark], indent: Self.column) }

  /// Writes the finding before a run; of one that finds nothing wrong nobody hears who wants quiet.
  func warn() {
    if level == .fine, isQuiet { return }
    Command.warn(line, marking: [mark], indent: Self.column)
  }
}

extension Verdict {
  /// The words of an outcome, as they stand out in a sentence.
  static let marks = [
    Mark(words: Outcome.doesNotBeat.rawValue, style: .bad),
    Mark(words: Outcome.beats.rawValue, style: .good),
    Mark(words: Outcome.inconclusive.rawValue, style: .doubtful),
  ]
}
