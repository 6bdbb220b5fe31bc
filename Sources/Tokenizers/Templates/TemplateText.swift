// Values of templates as texts.

extension TemplateValue {
  /// How `{{ value }}` shows it.
  var shown: Scalars {
    switch self {
    case .undefined: return []
    case .text(let text): return text
    default:
      var out: Scalars = []
      represent(into: &out)
      return out
    }
  }

  /// Python's `repr`.
  private func represent(into out: inout Scalars) {
    switch self {
    case .undefined: out += Scalars("Undefined")
    case .none: out += Scalars("None")
    case .bool(let flag): out += Scalars(flag ? "True" : "False")
    case .integer(let number): out += Scalars("\(number)")
    case .number(let number): out += Scalars(Self.python(number))
    case .text(let text): Self.quote(text, into: &out)
    case .list(let list):
      out.append(list.isTuple ? "(" : "[")
      for (index, item) in list.items.enumerated() {
        if index > 0 { out += [",", " "] }
        item.represent(into: &out)
      }
      if list.isTuple, list.items.count == 1 { out.append(",") }
      out.append(list.isTuple ? ")" : "]")
    case .dictionary(let dictionary):
      out.append("{")
      for (index, member) in dictionary.members.enumerated() {
        if index > 0 { out += [",", " "] }
        member.key.represent(into: &out)
        out += [":", " "]
        member.value.represent(into: &out)
      }
      out.append("}")
    case .namespace: out += Scalars("<Namespace>")
    case .macro(let macro): out += Scalars("<Macro '\(macro.name)'>")
    case .function(let name), .method(let name): out += Scalars("<function \(name)>")
    }
  }

  private static func quote(_ text: Scalars, into out: inout Scalars) {
    let quote: Unicode.Scalar = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    out.append(quote)
    for scalar in text {
      switch scalar {
      case "\\": out += ["\\", "\\"]
      case "\n": out += ["\\", "n"]
      case "\t": out += ["\\", "t"]
      case "\r": out += ["\\", "r"]
      case quote: out += ["\\", quote]
      case _ where !scalar.isPrintable:
        let digits = String(scalar.value, radix: 16)
        let (mark, count) =
          scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        out += Scalars(
          "\\" + mark + String(repeating: "0", count: count - digits.utf8.count) + digits)
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
        for _ in 0..<level { out += indent }
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
    case .undefined, .namespace, .macro, .function, .method: return false
    case .none: out += Scalars("null")
    case .bool(let flag): out += Scalars(flag ? "true" : "false")
    case .integer(let number): out += Scalars("\(number)")
    case .number(let number): out += Scalars(Self.number(number))
    case .text(let text): quote(text, into: &out)
    case .list(let list):
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
        quote(member.key, into: &out)
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

  private func quote(_ text: Scalars, into out: inout Scalars) {
    func escape(_ unit: UInt32) {
      let digits = String(unit, radix: 16)
      out += Scalars("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
    }
    out.append("\"")
    for scalar in text {
      switch scalar {
      case "\"": out += ["\\", "\""]
      case "\\": out += ["\\", "\\"]
      case "\n": out += ["\\", "n"]
      case "\r": out += ["\\", "r"]
      case "\t": out += ["\\", "t"]
      case "\u{8}": out += ["\\", "b"]
      case "\u{C}": out += ["\\", "f"]
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
