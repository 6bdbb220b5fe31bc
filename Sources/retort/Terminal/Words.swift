// Numbers in words that a person reads.
import Foundation

/// Seconds as "5s", "1m 05s" or "2h 03m".
func duration(_ seconds: Double) -> String {
  let whole = Int(max(0, min(1e12, seconds.isFinite ? seconds : 0)).rounded())
  func two(_ number: Int) -> String { (number < 10 ? "0" : "") + "\(number)" }
  return whole < 60
    ? "\(whole)s"
    : whole < 3600
      ? "\(whole / 60)m \(two(whole % 60))s" : "\(whole / 3600)h \(two(whole / 60 % 60))m"
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
