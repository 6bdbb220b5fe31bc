// What a person may see of a standard stream: whether it is a terminal, how wide, and with which colours.
import Foundation

/// A standard stream as a screen.
struct Screen {
  static let output = Screen(STDOUT_FILENO)
  static let errors = Screen(STDERR_FILENO)

  let isTerminal: Bool
  /// Whether lines may be rewritten in place.
  let rewrites: Bool
  /// Whether words may stand out: not where the variable `NO_COLOR` has a value (https://no-color.org).
  private let hasColour: Bool
  private let descriptor: Int32

  private init(_ descriptor: Int32) {
    let environment = ProcessInfo.processInfo.environment
    self.descriptor = descriptor
    isTerminal = isatty(descriptor) != 0
    rewrites = isTerminal && environment["TERM"] != "dumb"
    hasColour = rewrites && environment["NO_COLOR", default: ""].isEmpty
  }

  /// Columns of the terminal as it is now, at least 20; nil where there is none, or it does not say.
  var width: Int? {
    guard isTerminal else { return nil }
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return max(20, Int(size.ws_col))
  }

  /// A text with each mark's words in its style, the first time that they occur.
  func marked(_ text: String, _ marks: [Mark]) -> String {
    guard hasColour else { return text }
    return marks.reduce(text) { text, mark in
      guard let range = text.range(of: mark.words) else { return text }
      let styled = "\u{1B}[\(mark.style.rawValue)m\(mark.words)\u{1B}[0m"
      return text.replacingCharacters(in: range, with: styled)
    }
  }

  /// A text in lines that fit the terminal, broken between words; lines after the first of a paragraph begin with
  /// `indent` spaces. Elsewhere it stays as it is.
  func wrapped(_ text: String, indent: Int) -> String {
    guard let width else { return text }
    return text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { wrap(String($0), to: width, indent: indent) }.joined(separator: "\n")
  }
}

/// Words of a line that stand out.
struct Mark {
  /// The numbers of terminals' colours (ECMA-48, "select graphic rendition").
  enum Style: Int {
    case bad = 31
    case good = 32
    case doubtful = 33
  }

  let words: String
  let style: Style
}

/// A line in lines of at most `width` columns, broken between words; those after the first begin with spaces.
func wrap(_ line: String, to width: Int, indent: Int) -> String {
  guard displayWidth(line) > width else { return line }
  var (lines, current, used) = ([String](), "", 0)
  for (index, word) in line.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
    let size = displayWidth(word)
    if index > 0, used + 1 + size > width, current.contains(where: { $0 != " " }) {
      lines.append(current)
      current = String(repeating: " ", count: indent) + word
      used = indent + size
    } else {
      current += (index > 0 ? " " : "") + word
      used += (index > 0 ? 1 : 0) + size
    }
  }
  return (lines + [current]).joined(separator: "\n")
}

/// How many columns of a terminal a text takes: characters of East Asia and pictures take two, marks upon others and
/// the sequences of styles none (Unicode Standard Annex 11, roughly).
func displayWidth(_ text: some StringProtocol) -> Int {
  var (width, isStyle) = (0, false)
  for character in text {
    guard let scalar = character.unicodeScalars.first else { continue }
    if isStyle {
      isStyle = character != "m"
    } else if scalar == "\u{1B}" {
      isStyle = true
    } else {
      width += isWide(scalar) ? 2 : scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
    }
  }
  return width
}

private func isWide(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
    0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
    true
  default: scalar.properties.isEmojiPresentation
  }
}

/// A text cut to so many columns, with an ellipsis where something is lost.
func cut(_ text: String, to width: Int) -> String {
  guard displayWidth(text) > width else { return text }
  var (result, used) = ("", 0)
  for character in text {
    let size = displayWidth(String(character))
    guard used + size < width else { break }
    result.append(character)
    used += size
  }
  return result + "…"
}
