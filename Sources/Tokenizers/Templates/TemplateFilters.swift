// The filters of Jinja that templates use: `value | filter`.

extension TemplateEvaluator {
  mutating func apply(_ name: String, to value: TemplateValue, _ given: TemplateCall) throws
    -> TemplateValue
  {
    try spend(steps: 1)
    try spend(work: value.itemCount ?? 0)
    func bound(_ names: [String]) throws -> [String: TemplateValue] {
      try bind(given, names, of: "the filter \(name)")
    }
    switch name {
    case "safe", "string":
      _ = try bound([])
      return try made(try shown(value))
    case "escape", "e", "forceescape":
      _ = try bound([])
      return try escaped(try shown(value))
    case "upper", "lower", "capitalize":
      _ = try bound([])
      return try cased(name, try shown(value))
    case "title":
      _ = try bound([])
      return try titled(try shown(value))
    case "trim": return try call("strip", of: .text(try shown(value)), given)
    case "replace":
      let names = try bound(["old", "new", "count"])
      guard let old = names["old"], let new = names["new"] else {
        throw failure("the filter replace needs two texts")
      }
      let count = names["count"].flatMap { $0.isNone ? nil : $0 }
      guard count == nil || count?.int != nil else {
        throw failure("the filter replace needs a whole number")
      }
      return try replace(
        try shown(value), try shown(old), try shown(new), atMost: count?.int ?? -1)
    case "tojson":
      return try json(value, try bound(["ensure_ascii", "indent", "separators", "sort_keys"]))
    case "length", "count":
      _ = try bound([])
      if case .list(let list) = value, list.isGenerator {
        throw failure("a generator has no length: | list makes it a list, which has")
      }
      if case .loop(let loop) = value { return .integer(loop.items.count) }
      guard let count = value.itemCount else { throw failure("\(value.kind) has no length") }
      return .integer(count)
    case "default", "d":
      let names = try bound(["default_value", "boolean"])
      let isMissing = value.isUndefined || names["boolean"]?.isTrue == true && !value.isTrue
      return isMissing ? names["default_value"] ?? TemplateValue("") : value
    case "int": return try whole(value, try bound(["default", "base"]))
    case "float":
      let fallback = try bound(["default"])["default"] ?? .number(0)
      if value.isUndefined { throw failure("what is undefined has no number") }
      if let number = value.double { return .number(number) }
      return value.text.flatMap(Self.float).map { .number($0) } ?? fallback
    case "abs":
      _ = try bound([])
      if let number = value.int { return number < 0 ? try signed("-", value) : .integer(number) }
      guard case .number(let number) = value else {
        throw failure("the filter abs needs a number, not \(value.kind)")
      }
      return .number(abs(number))
    case "round": return try rounded(value, try bound(["precision", "method"]))
    case "indent":
      let names = try bound(["width", "first", "blank"])
      guard let text = value.text else {
        throw failure("the filter indent needs a text, not \(value.kind)")
      }
      return try indented(text, names)
    case "center":
      let width = try bound(["width"])["width"] ?? .integer(80)
      return try call("center", of: .text(try shown(value)), TemplateCall(positional: [width]))
    case "truncate":
      let names = try bound(["length", "killwords", "end", "leeway"])
      if value.isUndefined { return value }
      guard let text = value.text else {
        throw failure("the filter truncate needs a text, not \(value.kind)")
      }
      return try truncated(text, names)
    case "wordcount":
      _ = try bound([])
      var (count, isIn) = (0, false)
      for scalar in try shown(value) {
        if scalar.isWord, !isIn { count += 1 }
        isIn = scalar.isWord
      }
      return .integer(count)
    default: return try applyToItems(name, value, given)
    }
  }

  /// Jinja's title: letters after spaces, hyphens and opening brackets are large.
  private mutating func titled(_ text: Scalars) throws -> TemplateValue {
    var beginsWord = true
    try spend(work: text.count { !$0.isASCII } * 8)
    return try made(
      text.mapped { scalar, out in
        let separates =
          switch scalar {
          case "-", "(", "{", "[", "<": true
          default: scalar.isPythonSpace
          }
        if beginsWord { out.append(upper: scalar) } else { out.append(lower: scalar) }
        beginsWord = separates
      })
  }

  private mutating func escaped(_ text: Scalars) throws -> TemplateValue {
    let marks: [Unicode.Scalar: Scalars] = [
      "&": Scalars("&amp;"), "<": Scalars("&lt;"), ">": Scalars("&gt;"), "'": Scalars("&#39;"),
      "\"": Scalars("&#34;"),
    ]
    try spend(size: text.count)
    let limit = sizeLeft
    return try made(
      text.mapped { scalar, out in
        guard out.count <= limit else { return }
        if scalar.isASCII, let mark = marks[scalar] { out += mark } else { out.append(scalar) }
      })
  }

  private mutating func json(_ value: TemplateValue, _ names: [String: TemplateValue]) throws
    -> TemplateValue
  {
    var indent: Scalars?
    switch names["indent"] {
    case nil, .none?: break
    case .text(let text)?: indent = text
    case let given?:
      guard let width = given.int else { throw failure("tojson indents by a whole number") }
      guard width <= 1000 else { throw failure("tojson indents by at most 1000") }
      indent = Scalars(repeating: " ", count: max(0, width))
    }
    var separators: (item: Scalars, key: Scalars) = (
      indent == nil ? [",", " "] : [","], [":", " "]
    )
    if let given = names["separators"], !given.isNone {
      guard given.itemCount == 2, let parts = try items(of: given), let item = parts[0].text,
        let key = parts[1].text
      else { throw failure("tojson needs two separators") }
      separators = (item, key)
    }
    let writer = TemplateJSON(
      isASCII: names["ensure_ascii"]?.isTrue == true, indent: indent,
      itemSeparator: separators.item, keySeparator: separators.key,
      sortsKeys: names["sort_keys"]?.isTrue == true)
    guard let text = writer.text(of: value, limit: sizeLeft) else {
      throw failure(
        "tojson cannot write this: something undefined, a function, a generator, or too much")
    }
    return try made(text)
  }

  // MARK: Numbers

  private func whole(_ value: TemplateValue, _ names: [String: TemplateValue]) throws
    -> TemplateValue
  {
    let fallback = names["default"] ?? .integer(0)
    func truncated(_ number: Double) throws -> TemplateValue {
      guard let whole = Int(exactly: number.rounded(.towardZero)) else {
        throw failure("a number is too large to be a whole one")
      }
      return .integer(whole)
    }
    if let number = value.int { return .integer(number) }
    if case .number(let number) = value { return number.isNaN ? fallback : try truncated(number) }
    guard !value.isUndefined else { throw failure("what is undefined has no number") }
    guard let text = value.text else { return fallback }
    guard let base = (names["base"] ?? .integer(10)).int, base == 0 || (2...36).contains(base)
    else { throw failure("the filter int needs a base from 2 to 36") }
    switch Self.integer(text, base: base) {
    case .number(let number)?: return .integer(number)
    case .tooLarge?: throw failure("the number \(text.text.excerpt) is too large")
    case nil: break
    }
    guard let number = Self.float(text), number.isFinite else { return fallback }
    return try truncated(number)
  }

  private enum Parsed {
    case number(Int)
    case tooLarge
  }

  /// A text as Python reads numbers: without white space around it, the digits of every script as ASCII's.
  private static func plain(_ text: Scalars) -> String {
    text.stripped(of: nil, left: true, right: true).mapped { scalar, out in
      if !scalar.isASCII, scalar.properties.numericType == .decimal,
        let digit = scalar.properties.numericValue
      {
        out.append(Unicode.Scalar(48 + UInt8(digit)))
      } else {
        out.append(scalar)
      }
    }.text.lowercased()
  }

  /// What Python's `int` makes of a text; nil for one that is no whole number.
  private static func integer(_ text: Scalars, base: Int) -> Parsed? {
    var digits = plain(text)
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
    var base = base
    for (prefix, own) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where digits.hasPrefix(prefix) && (base == own || base == 0) {
      digits.removeFirst(2)
      base = own
    }
    if base == 0 { base = 10 }
    guard !digits.hasPrefix("_"), !digits.hasSuffix("_"), !digits.contains("__") else { return nil }
    digits.removeAll { $0 == "_" }
    guard !digits.isEmpty,
      digits.utf8.allSatisfy({ byte in
        let digit = byte >= 97 ? Int(byte) - 87 : Int(byte) - 48
        return (byte >= 97 || (48...57).contains(byte)) && (0..<base).contains(digit)
      })
    else { return nil }
    return Int((isNegative ? "-" : "") + digits, radix: base).map(Parsed.number) ?? .tooLarge
  }

  /// What Python's `float` makes of a text.
  static func float(_ text: Scalars) -> Double? {
    let plain = plain(text)
    guard !plain.hasPrefix("_"), !plain.hasSuffix("_"), !plain.contains("__"), !plain.contains("p"),
      !plain.contains("x"), !plain.hasPrefix("nan(")
    else { return nil }
    return Double(plain.filter { $0 != "_" })
  }

  private func rounded(_ value: TemplateValue, _ names: [String: TemplateValue]) throws
    -> TemplateValue
  {
    guard let precision = (names["precision"] ?? .integer(0)).int, (-300...300).contains(precision)
    else { throw failure("the filter round needs a precision from -300 to 300") }
    let method = names["method"]?.text?.text ?? "common"
    guard ["common", "ceil", "floor"].contains(method) else {
      throw failure("the filter round has no method \(method.excerpt)")
    }
    guard let number = value.double else {
      throw failure("the filter round needs a number, not \(value.kind)")
    }
    if method == "common" {
      if let whole = value.int {
        return .integer(precision >= 0 ? whole : try rounded(whole, toTens: -precision))
      }
      return .number(Self.decimal(number, precision))
    }
    let scale = Self.power10(precision)
    let scaled = (number * scale).rounded(method == "ceil" ? .up : .down)
    return .number(scaled / scale)
  }

  /// A whole number to a power of ten, halves to the even one.
  private func rounded(_ number: Int, toTens places: Int) throws -> Int {
    guard places <= 18 else { return 0 }
    let unit = (0..<places).reduce(1) { tens, _ in tens * 10 }
    let (quotient, rest) = number.quotientAndRemainder(dividingBy: unit)
    let half = unit / 2
    let away = rest.magnitude > half || rest.magnitude == half && quotient % 2 != 0
    let (result, overflows) = (quotient + (away ? number.signum() : 0))
      .multipliedReportingOverflow(by: unit)
    guard !overflows else { throw failure("a whole number becomes too large") }
    return result
  }
}
