// What the person at the terminal sees.
import ArgumentParser
import Foundation
import Storage

/// Writes a line to standard error. A line that cannot be written is lost, and ends nothing.
func note(_ line: String) { writeError(visible(line) + "\n") }

private func writeError(_ text: String) {
  try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
}

/// Writes a line to standard output, where results go; one that cannot be written is an error.
func tell(_ line: String = "") throws { try writeOutput(visible(line) + "\n") }

/// Tells of an output that was written: on standard output, unless the output is a stream itself.
func tell(ofOutput url: URL, _ line: String) throws {
  if try OutputPlace(url).isStream { note(line) } else { try tell(line) }
}

/// Writes a text that a model made to standard output: as it is, but on a terminal without control characters.
func tellAsIs(_ text: String) throws {
  try writeOutput(isatty(STDOUT_FILENO) != 0 ? visible(text) : text)
}

private let outputIsTerminal = isatty(STDOUT_FILENO) != 0

private func writeOutput(_ text: String) throws {
  let wasTerminal = outputIsTerminal
  do { try FileHandle.standardOutput.write(contentsOf: Data(text.utf8)) } catch {
    let code = systemCode(error) ?? EIO
    // Nobody reads a terminal that has gone away; what a run found is in its folder.
    if wasTerminal, code == EIO { return }
    // A reader that has seen enough, such as `head`, ends the command as its signal would.
    if code == EPIPE { throw ExitCode(128 + SIGPIPE) }
    throw StorageError("Standard output cannot be written", code)
  }
}

/// A text whose control characters are shown as `\x1b`, but for the ends of lines: names and texts from files may
/// hold sequences that terminals obey.
func visible(_ text: String) -> String {
  func isShown(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0A, 0x09: true
    // Controls of ASCII and Latin-1, and what reverses the direction of a line.
    case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069: false
    default: true
    }
  }
  guard !text.unicodeScalars.allSatisfy(isShown) else { return text }
  return text.unicodeScalars.reduce(into: "") { out, scalar in
    if isShown(scalar) {
      out.unicodeScalars.append(scalar)
    } else {
      let digits = String(scalar.value, radix: 16)
      out +=
        scalar.value < 0x100 ? "\\x" + (digits.count == 1 ? "0" : "") + digits : "\\u{\(digits)}"
    }
  }
}

/// The beginning and the end of a message that is too long to be read.
func abridged(_ message: String, to limit: Int = 3000) -> String {
  guard message.utf8.count > limit else { return message }
  return message.prefix(limit * 3 / 4) + " ... " + message.suffix(limit / 4)
}

/// Makes standard streams safe to use, whatever the process was given.
func prepareStandardStreams() {
  // A file that is opened must never take the place of a stream that was closed. Nothing can be read from, or
  // written to, what takes it instead, but for messages, which go nowhere.
  for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) < 0 {
    _ = open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY)
  }
  _ = outputIsTerminal
  // A reader that goes away is an error of that write alone.
  signal(SIGPIPE, SIG_IGN)
}

/// A progress line on standard error: rewritten in place on a terminal, now and then a line of its
/// own elsewhere.
final class ProgressLine {
  private let isTerminal = isatty(STDERR_FILENO) != 0
  private var lastPrinted: ContinuousClock.Instant?

  /// Shows how far some work is that should be done at once, if it takes longer.
  func showSlow(
    _ title: String, done: Int, of total: Int, since start: ContinuousClock.Instant
  ) {
    let seconds = (ContinuousClock.now - start).seconds
    guard seconds > 1 else { return }
    show(title, done: done, of: total, seconds: seconds, doneHere: done, "launches")
  }

  /// Shows how far some work is, with the time left at the present speed.
  func show(
    _ title: String, done: Int, of total: Int, seconds: Double, doneHere: Int, _ text: String
  ) {
    show(
      title, done: done, of: total, secondsEach: doneHere > 0 ? seconds / Double(doneHere) : 0, text
    )
  }

  /// The same at a speed that is known.
  func show(_ title: String, done: Int, of total: Int, secondsEach: Double, _ text: String) {
    let left = secondsEach * Double(total - done)
    let share = total > 0 ? Double(done) / Double(total) : 1
    if isTerminal {
      let filled = Int(share * 20)
      let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled)
      let line = "\(title) [\(bar)] \(done)/\(total) \(text) \(duration(left)) left"
      writeError("\r\u{1B}[2K\(visible(line))")
    } else {
      let now = ContinuousClock.now
      if let lastPrinted, now - lastPrinted < .seconds(10), done < total { return }
      lastPrinted = now
      note("\(title) \(done)/\(total) \(text) \(duration(left)) left")
    }
  }

  /// Ends the line, so that other text may follow.
  func end() {
    if isTerminal { writeError("\n") }
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
