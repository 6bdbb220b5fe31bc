// Numbers and texts as a person reads them.
import Foundation

/// Seconds as "5s", "1m 05s" or "2h 03m".
package func duration(_ seconds: Double) -> String {
  let whole = Int(max(0, min(1e12, seconds.isFinite ? seconds : 0)).rounded())
  func two(_ number: Int) -> String { (number < 10 ? "0" : "") + "\(number)" }
  return whole < 60
    ? "\(whole)s"
    : whole < 3600
      ? "\(whole / 60)m \(two(whole % 60))s" : "\(whole / 3600)h \(two(whole / 60 % 60))m"
}

/// A number with some decimals.
package func fixed(_ value: Double, _ decimals: Int) -> String {
  String(format: "%.\(decimals)f", value)
}

/// A whole number with separators: 1,234,567.
package func grouped(_ value: Int) -> String {
  let digits = String(value)
  return digits.enumerated().map { index, digit in
    index > 0 && (digits.count - index) % 3 == 0 ? ",\(digit)" : "\(digit)"
  }.joined()
}

/// Bytes as mebibytes, rounded up: "1,234 MiB".
package func mebibytes(_ byteCount: Int) -> String {
  "\(grouped((byteCount + (1 << 20) - 1) >> 20)) MiB"
}

/// How many of something there are: "1 step", "1,200 steps", "2 entries".
package func counted(_ count: Int, _ singular: String, _ plural: String? = nil) -> String {
  "\(grouped(count)) \(count == 1 ? singular : plural ?? singular + "s")"
}

/// A text whose control characters are shown as `\x1b`, but for the ends of lines: names and texts from files may
/// hold sequences that terminals obey.
package func visible(_ text: String) -> String {
  replacingControls(in: text) { code in
    let digits = String(code, radix: 16)
    return code < 0x100 ? "\\x" + (digits.count == 1 ? "0" : "") + digits : "\\u{\(digits)}"
  }
}

/// A text with each control character as `escape` writes its code point.
package func replacingControls(in text: String, by escape: (UInt32) -> String) -> String {
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
      out += escape(scalar.value)
    }
  }
}

/// The beginning and the end of a message that is too long to be read.
package func abridged(_ message: String, to limit: Int = 3000) -> String {
  guard message.utf8.count > limit else { return message }
  return message.prefix(limit * 3 / 4) + " ... " + message.suffix(limit / 4)
}

/// A number of floating-point operations with a unit that suits it, such as "11.2 TFLOP".
package func operations(_ count: Double) -> String {
  let units = ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"]
  var (value, unit) = (count, 0)
  while value >= 1000, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
  return "\(fixed(value, 1)) \(units[unit])"
}
