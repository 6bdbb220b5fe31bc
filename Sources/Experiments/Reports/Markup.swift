// HTML and SVG as text, and the numbers on axes.
import Base
import Foundation

/// A text as it stands between tags and in attributes.
func escaped(_ text: String) -> String {
  text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    .replacing("\"", with: "&quot;")
}

/// An element; nothing where it would be empty.
func element(_ tag: String, class name: String = "", _ content: String) -> String {
  content.isEmpty ? "" : "<\(tag)\(name.isEmpty ? "" : " class=\"\(name)\"")>\(content)</\(tag)>"
}

/// A table whose first row has the titles of columns and whose first column those of rows.
func htmlTable(_ rows: [[String]]) -> String {
  let lines = rows.enumerated().map { index, row in
    element(
      "tr",
      row.enumerated().map { column, text in
        let isHead = index == 0 || column == 0
        return "<\(isHead ? "th" : "td")>\(escaped(text))</\(isHead ? "th" : "td")>"
      }.joined())
  }
  return element("div", class: "wide", element("table", lines.joined(separator: "\n")))
}

/// The colour of an arm, as a class of the style sheet; those of other seeds share it.
func armClass(_ arm: String) -> String {
  let kind = Trial.kind(ofArm: arm)
  return ["teacher", "student", "control", "control-compute"].contains(kind) ? kind : "model"
}

/// A coordinate of a picture, in tenths of its unit. There are thousands, for which formats take too long.
package func place(_ value: Double) -> String {
  let tenths = Int((value * 10).rounded())
  return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
}

/// A number in few characters: 1.2k, 3.4M.
package func short(_ value: Double) -> String {
  guard value.isFinite else { return "-" }
  let size = abs(value)
  // A tick at zero may have a sign.
  if size < 1e-12 { return "0" }
  for (unit, name) in [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
  where size >= unit {
    return trimmed(value / unit, size >= 100 * unit ? 0 : size >= 10 * unit ? 1 : 2) + name
  }
  return trimmed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 || size == 0 ? 2 : 4)
}

/// A number without zeros at its end.
private func trimmed(_ value: Double, _ decimals: Int) -> String {
  let text = fixed(value, decimals)
  guard text.contains(".") else { return text }
  return String(text.reversed().drop { $0 == "0" }.drop { $0 == "." }.reversed())
}

/// Values on an axis with round numbers between them.
struct Axis {
  let range: ClosedRange<Double>
  /// Where its ends are drawn.
  let start: Double
  let end: Double

  init(_ values: some Sequence<Double>, from start: Double, to end: Double, withZero: Bool = false)
  {
    let finite = values.filter(\.isFinite) + (withZero ? [0] : [])
    let (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    let margin = high > low ? (high - low) * 0.04 : max(abs(high) * 0.1, 1e-6)
    range = (withZero && low >= 0 ? low : low - margin)...(high + margin)
    (self.start, self.end) = (start, end)
  }

  func callAsFunction(_ value: Double) -> Double {
    start + (end - start) * (value - range.lowerBound) / (range.upperBound - range.lowerBound)
  }

  /// About `count` round numbers.
  func ticks(_ count: Int = 4) -> [Double] {
    let rough = (range.upperBound - range.lowerBound) / Double(count)
    let power = pow(10, floor(log10(rough)))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
    let first = (range.lowerBound / step).rounded(.up)
    return stride(from: first, through: range.upperBound / step, by: 1).map { $0 * step }
  }
}
