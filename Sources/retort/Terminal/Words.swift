// Numbers in words that a person reads.
import Foundation

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

/// How many of something there are: "1 step", "1,200 steps", "2 entries".
func counted(_ count: Int, _ singular: String, _ plural: String? = nil) -> String {
  "\(grouped(count)) \(count == 1 ? singular : plural ?? singular + "s")"
}
