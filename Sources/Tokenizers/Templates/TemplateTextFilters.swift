// Filters that lay texts out, and decimal places.
import Foundation

extension TemplateEvaluator {
  static func power10(_ exponent: Int) -> Double { pow(10, Double(exponent)) }

  /// A number rounded to some decimal places, as its exact value says.
  static func decimal(_ number: Double, _ places: Int) -> Double {
    guard number.isFinite else { return number }
    guard places > 0 else {
      let scale = power10(-places)
      return (number / scale).rounded(.toNearestOrEven) * scale
    }
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
    let lines = try parted(text + ["\n"]) { $0.lines(keepingEnds: false, atMost: $1) }
    try spend(size: lines.count, each: space.count)
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
    let end = try names["end"].map { try shown($0) } ?? Scalars("...")
    guard let length = (names["length"] ?? .integer(255)).int, length >= end.count,
      let leeway = (names["leeway"].flatMap { $0.isNone ? nil : $0 } ?? .integer(5)).int,
      leeway >= 0
    else { throw failure("the filter truncate needs a length of at least that of its end") }
    let (longest, overflows) = length.addingReportingOverflow(leeway)
    if overflows || text.count <= longest { return .text(text) }
    let kept = Array(text.prefix(length - end.count))
    if names["killwords"]?.isTrue == true { return try made(kept + end) }
    // Without the word that would be cut.
    let whole = kept.lastIndex(of: " ").map { Array(kept[..<$0]) } ?? kept
    return try made(whole + end)
  }

  /// A text in parts, of which no more are made than there is room for.
  mutating func parted(_ text: Scalars, _ parts: (Scalars, Int) -> [Scalars]) throws -> [Scalars] {
    let room = sizeLeft / Self.textSize
    let found = parts(text, room)
    try spend(size: found.count, each: Self.textSize)
    return found
  }
}
