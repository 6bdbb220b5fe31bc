// Filters that lay texts out, and decimal places.
import Foundation

extension TemplateEvaluator {
  static func power10(_ exponent: Int) -> Double { pow(10, Double(exponent)) }

  /// A number rounded to some decimal places, as its exact value says.
  static func decimal(_ number: Double, _ places: Int) -> Double {
    guard number.isFinite else { return number }
    return Double(String(format: "%.\(places)f", number)) ?? number
  }

  mutating func indented(_ text: Scalars, _ names: [String: TemplateValue]) throws -> TemplateValue
  {
    let space: Scalars
    switch names["width"] {
    case nil: space = Scalars(repeating: " ", count: 4)
    case .text(let given)?: space = given
    case let given?:
      guard let width = given.int else { throw failure("the filter indent needs a width") }
      guard width <= 10_000 else { throw failure("the filter indent indents by at most 10000") }
      space = Scalars(repeating: " ", count: max(0, width))
    }
    let indentsFirst = names["first"]?.isTrue == true
    let indentsBlank = names["blank"]?.isTrue == true
    let lines = (text + ["\n"]).lines(keepingEnds: false)
    try spend(size: lines.count * space.count)
    var out: Scalars = indentsFirst ? space : []
    for (index, line) in lines.enumerated() {
      if index > 0 {
        out.append("\n")
        if indentsBlank || !line.isEmpty { out += space }
      }
      out += line
    }
    return try made(out)
  }

  mutating func truncated(_ text: Scalars, _ names: [String: TemplateValue]) throws -> TemplateValue
  {
    let end = names["end"]?.shown ?? Scalars("...")
    guard let length = (names["length"] ?? .integer(255)).int, length >= end.count,
      let leeway = (names["leeway"].flatMap { $0.isNone ? nil : $0 } ?? .integer(5)).int,
      leeway >= 0
    else { throw failure("the filter truncate needs a length of at least that of its end") }
    if text.count <= length.addingReportingOverflow(leeway).partialValue || length == .max {
      return .text(text)
    }
    let kept = Array(text.prefix(length - end.count))
    if names["killwords"]?.isTrue == true { return try made(kept + end) }
    // Without the word that would be cut.
    let whole = kept.lastIndex(of: " ").map { Array(kept[..<$0]) } ?? kept
    return try made(whole + end)
  }
}
