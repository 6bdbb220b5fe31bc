// What was found before a run.
import Foundation

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

  var line: String { "\(level.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)) \(text)" }
}
