// Values of templates as texts.

extension TemplateValue {
  /// Python's `repr`; whether it is no longer than the limit.
  func represent(into out: inout Scalars, limit: Int) -> Bool {
    guard out.count <= limit else { return false }
    switch self {
    case .undefined: out.append(ascii: "Undefined")
    case .none: out.append(ascii: "None")
    case .bool(let flag): out.append(ascii: flag ? "True" : "False")
    case .integer(let number): out += Scalars("\(number)")
    case .number(let number): out += Scalars(Self.python(number))
    case .text(let text): Self.quote(text, into: &out, limit: limit)
    case .list(let list): return Self.represent(list, into: &out, limit: limit)
    case .dictionary(let dictionary):
      out.append("{")
      for (index, member) in dictionary.members.enumerated() {
        if index > 0 { out.append(ascii: ", ") }
        guard member.key.represent(into: &out, limit: limit) else { return false }
        out.append(ascii: ": ")
        guard member.value.represent(into: &out, limit: limit) else { return false }
      }
      out.append("}")
    case .namespace: out += Scalars("<Namespace>")
    case .loop(let loop): out += Scalars("<LoopContext \(loop.index + 1)/\(loop.items.count)>")
    case .macro(let macro): out += Scalars("<Macro '\(macro.name)'>")
    case .function(let name), .method(let name): out += Scalars("<function \(name)>")
    }
    return out.count <= limit
  }

  private static func represent(_ list: List, into out: inout Scalars, limit: Int) -> Bool {
    switch list.kind {
    case .list: out.append("[")
    case .tuple: out.append("(")
    case .view(let name): out += Scalars(name + "([")
    case .generator: out.append(ascii: "<generator of [")
    case .range(let from, let to, let step):
      out += Scalars("range(\(from), \(to)" + (step == 1 ? ")" : ", \(step))"))
      return true
    }
    for (index, item) in list.items.enumerated() {
      if index > 0 { out.append(ascii: ", ") }
      guard item.represent(into: &out, limit: limit) else { return false }
    }
    switch list.kind {
    case .list: out.append("]")
    case .tuple: out.append(ascii: list.items.count == 1 ? ",)" : ")")
    case .generator: out.append(ascii: "]>")
    default: out.append(ascii: "])")
    }
    return true
  }

  private static func quote(_ text: Scalars, into out: inout Scalars, limit: Int) {
    let quote: Unicode.Scalar = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    out.append(quote)
    for scalar in text where out.count <= limit {
      switch scalar {
      case "\\": out.append(ascii: "\\\\")
      case "\n": out.append(ascii: "\\n")
      case "\t": out.append(ascii: "\\t")
      case "\r": out.append(ascii: "\\r")
      case quote: out += ["\\", quote]
      case _ where !scalar.isPrintable:
        let (mark, count): (Unicode.Scalar, Int) =
          scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        out.append("\\")
        out.append(mark)
        out.append(hexadecimal: scalar.value, digits: count)
      default: out.append(scalar)
      }
    }
    out.append(quote)
  }

  /// A floating-point number as Python writes it: the fewest digits that tell it, with an exponent below 1e-4 and
  /// from 1e16 on.
  static func python(_ number: Double) -> String {
    if number.isNaN { return "nan" }
    if number.isInfinite { return number < 0 ? "-inf" : "inf" }
    if number == 0 { return number.sign == .minus ? "-0.0" : "0.0" }
    // Swift's digits are the same; only where the point goes may differ.
    let parts = "\(number.magnitude)".split(separator: "e")
    let mantissa = parts[0].split(separator: ".")
    let whole = mantissa[0]
    let fraction = mantissa.count > 1 && mantissa[1] != "0" ? mantissa[1] : ""
    var digits = whole + fraction
    var exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + whole.utf8.count - 1
    while digits.hasPrefix("0"), digits.utf8.count > 1 {
      digits = digits.dropFirst() + ""
      exponent -= 1
    }
    while digits.hasSuffix("0"), digits.utf8.count > 1 { digits = digits.dropLast() + "" }
    let sign = number < 0 ? "-" : ""
    if exponent < -4 || exponent >= 16 {
      let rest = digits.dropFirst()
      let size = "\(abs(exponent))"
      return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e"
        + (exponent < 0 ? "-" : "+") + (size.utf8.count == 1 ? "0" : "") + size
    }
    if exponent < 0 {
      return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits
    }
    let padded =
      digits + String(repeating: "0", count: max(0, exponent + 1 - digits.utf8.count))
    let rest = padded.dropFirst(exponent + 1)
    return sign + padded.prefix(exponent + 1) + "." + (rest.isEmpty ? "0" : rest)
  }
}

extension [Unicode.Scalar] {
  /// Appends ASCII.
  fileprivate mutating func append(ascii text: StaticString) {
    for place in 0..<text.utf8CodeUnitCount { append(Unicode.Scalar(text.utf8Start[place])) }
  }

  fileprivate mutating func append(hexadecimal value: UInt32, digits: Int) {
    for place in (0..<digits).reversed() {
      let digit = UInt8(value >> (4 * UInt32(place)) & 15)
      append(Unicode.Scalar(digit < 10 ? 48 + digit : 87 + digit))
    }
  }
}

extension Unicode.Scalar {
  /// Whether Python's `repr` shows it as it is.
  fileprivate var isPrintable: Bool {
    if value < 0x7F { return value >= 0x20 }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator, .spaceSeparator:
      return false
    default: return true
    }
  }
}

/// How `tojson` writes values: Python's `json.dumps` as `transformers` calls it.
struct TemplateJSON {
  var isASCII = false
  /// What each level is indented by; nil for one line.
  var indent: Scalars?
  var itemSeparator: Scalars
  var keySeparator: Scalars
  var sortsKeys = false

  /// The text; nil where something in it has none. At most `limit` scalars are written.
  func text(of value: TemplateValue, limit: Int) -> Scalars? {
    var out: Scalars = []
    return write(value, level: 0, limit, &out) ? out : nil
  }

  private func write(_ value: TemplateValue, level: Int, _ limit: Int, _ out: inout Scalars) -> Bool
  {
    guard out.count <= limit else { return false }
    func lines<T>(
      _ open: Unicode.Scalar, _ items: [T], _ close: Unicode.Scalar,
      _ body: (T, inout Scalars) -> Bool
    ) -> Bool {
      out.append(open)
      func newline(_ level: Int) {
        guard let indent else { return }
        out.append("\n")
        for _ in 0..<level where out.count <= limit { out += indent }
      }
      for (index, item) in items.enumerated() {
        if index > 0 { out += itemSeparator }
        newline(level + 1)
        guard body(item, &out), out.count <= limit else { return false }
      }
      if !items.isEmpty { newline(level) }
      out.append(close)
      return true
    }
    switch value {
    case .undefined, .namespace, .loop, .macro, .function, .method: return false
    case .none: out.append(ascii: "null")
    case .bool(let flag): out.append(ascii: flag ? "true" : "false")
    case .integer(let number): out += Scalars("\(number)")
    case .number(let number): out += Scalars(Self.number(number))
    case .text(let text): quote(text, limit, into: &out)
    case .list(let list):
      guard list.kind == .list || list.kind == .tuple else { return false }
      return lines("[", list.items, "]") { write($0, level: level + 1, limit, &$1) }
    case .dictionary(let dictionary):
      var members: [(key: Scalars, value: TemplateValue)] = []
      for member in dictionary.members {
        switch member.key {
        case .text(let text): members.append((text, member.value))
        case .number(let number): members.append((Scalars(Self.number(number)), member.value))
        case .list: return false
        default:
          var key: Scalars = []
          guard write(member.key, level: 0, limit, &key) else { return false }
          members.append((key, member.value))
        }
      }
      if sortsKeys {
        members.sort { $0.key.lexicographicallyPrecedes($1.key) }
      }
      return lines("{", members, "}") { member, out in
        quote(member.key, limit, into: &out)
        out += keySeparator
        return write(member.value, level: level + 1, limit, &out)
      }
    }
    return true
  }

  private static func number(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
    return TemplateValue.python(number)
  }

  private func quote(_ text: Scalars, _ limit: Int, into out: inout Scalars) {
    func escape(_ unit: UInt32) {
      out.append("\\")
      out.append("u")
      out.append(hexadecimal: unit, digits: 4)
    }
    out.append("\"")
    for scalar in text where out.count <= limit {
      switch scalar {
      case "\"": out.append(ascii: "\\\"")
      case "\\": out.append(ascii: "\\\\")
      case "\n": out.append(ascii: "\\n")
      case "\r": out.append(ascii: "\\r")
      case "\t": out.append(ascii: "\\t")
      case "\u{8}": out.append(ascii: "\\b")
      case "\u{C}": out.append(ascii: "\\f")
      case _ where scalar.value < 0x20: escape(scalar.value)
      case _ where isASCII && scalar.value >= 0x7F:
        if scalar.value == 0x7F {
          out.append(scalar)
        } else {
          for unit in UTF16.encode(scalar).map(Array.init) ?? [] { escape(UInt32(unit)) }
        }
      default: out.append(scalar)
      }
    }
    out.append("\"")
  }
}
