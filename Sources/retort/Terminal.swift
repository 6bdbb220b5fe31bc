// What the person at the terminal sees.
import Foundation

/// Writes a line to standard error.
func note(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

/// A progress line on standard error: rewritten in place on a terminal, now and then a line of its
/// own elsewhere.
final class ProgressLine {
  private let isTerminal = isatty(STDERR_FILENO) != 0
  private var lastPrinted: ContinuousClock.Instant?

  /// Shows how far some work is, with the time left at the present speed.
  func show(
    _ title: String, done: Int, of total: Int, seconds: Double, doneHere: Int, _ text: String
  ) {
    let left = doneHere > 0 ? seconds / Double(doneHere) * Double(total - done) : 0
    let share = total > 0 ? Double(done) / Double(total) : 1
    if isTerminal {
      let filled = Int(share * 20)
      let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled)
      let line = "\(title) [\(bar)] \(done)/\(total) \(text) \(duration(left)) left"
      FileHandle.standardError.write(Data("\r\u{1B}[2K\(line)".utf8))
    } else {
      let now = ContinuousClock.now
      if let lastPrinted, now - lastPrinted < .seconds(10), done < total { return }
      lastPrinted = now
      note("\(title) \(done)/\(total) \(text) \(duration(left)) left")
    }
  }

  /// Ends the line, so that other text may follow.
  func end() {
    if isTerminal { FileHandle.standardError.write(Data("\n".utf8)) }
    lastPrinted = nil
  }
}

/// Seconds as "1m 05s".
func duration(_ seconds: Double) -> String {
  let whole = Int(max(0, seconds.isFinite ? seconds : 0).rounded())
  return whole < 60 ? "\(whole)s" : "\(whole / 60)m \(whole % 60 < 10 ? "0" : "")\(whole % 60)s"
}

/// A number with some decimals.
func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }

/// A whole number with separators: 1,234,567.
func grouped(_ value: Int) -> String {
  let digits = String(value)
  return digits.enumerated().map { index, digit in
    index > 0 && (digits.count - index) % 3 == 0 ? ",\(digit)" : "\(digit)"
  }.joined()
}

/// Columns aligned under their headers: the first to the left, the others to the right.
func table(_ rows: [[String]]) -> String {
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in
    rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
  }
  return rows.map { row in
    row.enumerated().map { column, text in
      let space = String(repeating: " ", count: widths[column] - text.count)
      return column == 0 ? text + space : space + text
    }.joined(separator: "  ")
  }.joined(separator: "\n")
}
