// The filters of Jinja that templates use: `value | filter`.

extension TemplateEvaluator {
  mutating func apply(_ name: String, to value: TemplateValue, _ given: TemplateCall) throws
    -> TemplateValue
  {
    try spend(steps: 1 + (value.text?.count ?? value.items?.count ?? 0) / 16)
    func bound(_ names: [String]) throws -> [String: TemplateValue] {
      try bind(given, names, of: "the filter \(name)")
    }
    switch name {
    case "safe", "string":
      _ = try bound([])
      return try made(value.shown)
    case "escape", "e", "forceescape":
      _ = try bound([])
      return try made(
        value.shown.flatMap { scalar -> Scalars in
          switch scalar {
          case "&": Scalars("&amp;")
          case "<": Scalars("&lt;")
          case ">": Scalars("&gt;")
          case "'": Scalars("&#39;")
          case "\"": Scalars("&#34;")
          default: [scalar]
          }
        })
    case "upper", "lower", "capitalize":
      _ = try bound([])
      return try cased(name, value.shown)
    case "title":
      _ = try bound([])
      return try titled(value.shown)
    case "trim": return try call("strip", of: .text(value.shown), given)
    case "replace":
      let names = try bound(["old", "new", "count"])
      guard let old = names["old"], let new = names["new"] else {
        throw failure("the filter replace needs two texts")
      }
      let count = names["count"].flatMap { $0.isNone ? nil : $0 }
      guard count == nil || count?.int != nil else {
        throw failure("the filter replace needs a whole number")
      }
      return try replace(value.shown, old.shown, new.shown, atMost: count?.int ?? -1)
    case "tojson":
      return try json(value, try bound(["ensure_ascii", "indent", "separators", "sort_keys"]))
    case "length", "count":
      _ = try bound([])
      if let text = value.text { return .integer(text.count) }
      guard let items = value.items else { throw failure("\(value.kind) has no length") }
      return .integer(items.count)
    case "default", "d":
      let names = try bound(["default_value", "boolean"])
      let isMissing = value.isUndefined || names["boolean"]?.isTrue == true && !value.isTrue
      return isMissing ? names["default_value"] ?? TemplateValue("") : value
    case "int": return try whole(value, try bound(["default", "base"]))
    case "float":
      let fallback = try bound(["default"])["default"] ?? .number(0)
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
    case "indent": return try indented(value.shown, try bound(["width", "first", "blank"]))
    case "center":
      let width = try bound(["width"])["width"] ?? .integer(80)
      return try call("center", of: .text(value.shown), TemplateCall(positional: [width]))
    case "truncate":
      return try truncated(
        value.shown, try bound(["length", "killwords", "end", "leeway"]))
    case "wordcount":
      _ = try bound([])
      var (count, isIn) = (0, false)
      for scalar in value.shown {
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
    return try made(
      text.flatMap { scalar -> Scalars in
        let separates = scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
        defer { beginsWord = separates }
        return Scalars(
          beginsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping)
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
      guard let parts = given.items, parts.count == 2, let item = parts[0].text,
        let key = parts[1].text
      else { throw failure("tojson needs two separators") }
      separators = (item, key)
    }
    let writer = TemplateJSON(
      isASCII: names["ensure_ascii"]?.isTrue == true, indent: indent,
      itemSeparator: separators.item, keySeparator: separators.key,
      sortsKeys: names["sort_keys"]?.isTrue == true)
    guard let text = writer.text(of: value, limit: Self.mostSize) else {
      throw failure("tojson cannot write what is undefined, a function, or so much")
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

  /// What Python's `int` makes of a text; nil for one that is no whole number.
  private static func integer(_ text: Scalars, base: Int) -> Parsed? {
    var digits = text.stripped(of: nil, left: true, right: true).text.lowercased()
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
    let plain = text.stripped(of: nil, left: true, right: true).text.lowercased()
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
      if let whole = value.int, precision >= 0 { return .integer(whole) }
      guard precision > 0 else {
        let scale = Self.power10(-precision)
        let result = (number / scale).rounded(.toNearestOrEven) * scale
        return value.int == nil ? .number(result) : .integer(Int(exactly: result) ?? 0)
      }
      return .number(precision > 300 ? number : Self.decimal(number, precision))
    }
    let scale = Self.power10(precision)
    let scaled = (number * scale).rounded(method == "ceil" ? .up : .down)
    return .number(scaled / scale)
  }
}
