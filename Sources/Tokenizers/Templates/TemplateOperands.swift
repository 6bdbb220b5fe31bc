// Operands of expressions: values, and what is read from them.

extension TokenReader {
  /// A value with what is read from it: `.name`, `[item]`, `(arguments)`.
  mutating func postfix() throws -> TemplateExpression { try postfix(of: try primary()) }

  mutating func postfix(of value: TemplateExpression) throws -> TemplateExpression {
    var value = value
    while true {
      if take(".") {
        if case .number(let digits)? = token {
          guard let index = Int(digits) else { throw failure("\(digits.excerpt) is no place") }
          place += 1
          value = .item(value, .literal(.integer(index)))
        } else {
          value = .attribute(value, try name())
        }
      } else if take("[") {
        value = try subscripted(value)
      } else if take("(") {
        value = .call(value, try arguments())
      } else {
        return value
      }
      try countOperation()
    }
  }

  private mutating func subscripted(_ value: TemplateExpression) throws -> TemplateExpression {
    var parts: [TemplateExpression?] = [nil]
    while !take("]") {
      if token == nil { throw failure("] is missing") }
      if take(":") {
        parts.append(nil)
      } else {
        guard parts[parts.count - 1] == nil else { throw failure("] is missing") }
        parts[parts.count - 1] = try expression()
      }
    }
    if parts.count == 1, let index = parts[0] { return .item(value, index) }
    guard (2...3).contains(parts.count) else { throw failure("a slice has two or three parts") }
    return .slice(value, parts[0], parts[1], parts.count == 3 ? parts[2] : nil)
  }

  mutating func arguments() throws -> TemplateArguments {
    var arguments = TemplateArguments()
    var names: Set<String> = []
    while !take(")") {
      if token == .symbol("*") || token == .symbol("**") {
        throw failure("arguments that are unpacked are not built")
      }
      if case .name(let name)? = token, place + 1 < tokens.count, tokens[place + 1] == .symbol("=")
      {
        place += 2
        guard names.insert(name).inserted else {
          throw failure("the argument \(name.excerpt) is given twice")
        }
        arguments.named.append((name, try expression()))
      } else {
        guard arguments.named.isEmpty else {
          throw failure("an argument without a name follows one with a name")
        }
        arguments.positional.append(try expression())
      }
      if !take(",") {
        try expect(")")
        break
      }
    }
    return arguments
  }

  /// Items up to a bracket, with commas between them.
  private mutating func items(until end: String) throws -> (
    items: [TemplateExpression], hasComma: Bool
  ) {
    var items: [TemplateExpression] = []
    var hasComma = false
    while !take(end) {
      items.append(try expression())
      if take(",") {
        hasComma = true
      } else {
        try expect(end)
        break
      }
    }
    return (items, hasComma)
  }

  mutating func primary() throws -> TemplateExpression {
    guard let token else { throw failure("a value is missing") }
    place += 1
    switch token {
    case .text(let text):
      // Texts side by side are one.
      var whole = text
      while case .text(let more)? = self.token {
        whole += more
        place += 1
      }
      return .literal(TemplateValue(whole))
    case .number(let digits): return .literal(try number(digits))
    case .name(let name):
      switch name {
      case "true", "True": return .literal(.bool(true))
      case "false", "False": return .literal(.bool(false))
      case "none", "None": return .literal(.none)
      default: return .name(name)
      }
    case .symbol("("):
      let (items, hasComma) = try items(until: ")")
      return items.count == 1 && !hasComma ? items[0] : .list(items, isTuple: true)
    case .symbol("["): return .list(try items(until: "]").items, isTuple: false)
    case .symbol("{"):
      var members: [(key: TemplateExpression, value: TemplateExpression)] = []
      while !take("}") {
        let key = try expression()
        try expect(":")
        members.append((key, try expression()))
        if !take(",") {
          try expect("}")
          break
        }
      }
      return .dictionary(members)
    case .symbol(let symbol): throw failure("\(symbol) is not expected here")
    }
  }

  private func number(_ digits: String) throws -> TemplateValue {
    let plain = digits.filter { $0 != "_" }.lowercased()
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where plain.hasPrefix(prefix) {
      guard let whole = Int(plain.dropFirst(2), radix: radix) else {
        throw failure("the number \(digits.excerpt) is too large, or is none")
      }
      return .integer(whole)
    }
    if plain.utf8.allSatisfy({ (48...57).contains($0) }) {
      guard !plain.hasPrefix("0") || plain.utf8.allSatisfy({ $0 == 48 }) else {
        throw failure("the number \(digits.excerpt) begins with 0")
      }
      guard let whole = Int(plain) else {
        throw failure("the number \(digits.excerpt) is too large")
      }
      return .integer(whole)
    }
    guard let number = Double(plain) else { throw failure("\(digits.excerpt) is no number") }
    return .number(number)
  }
}
