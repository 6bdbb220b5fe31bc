// Expressions of templates from tokens.

/// Reads expressions from the tokens of one piece.
struct TokenReader {
  private let tokens: [TemplateLexer.Token]
  private var place = 0
  /// Expressions within expressions, and operations on operations, which the evaluator goes down again.
  private var depth = 0
  private var operationCount = 0
  let line: Int

  private static let deepest = 60
  private static let mostOperations = 1000

  init(_ tokens: [TemplateLexer.Token], line: Int) {
    self.tokens = tokens
    self.line = line
  }

  func failure(_ reason: String) -> TemplateFailure { TemplateFailure(reason, line: line) }

  private var token: TemplateLexer.Token? { place < tokens.count ? tokens[place] : nil }

  mutating func take(_ symbol: String) -> Bool {
    guard token == .symbol(symbol) else { return false }
    place += 1
    return true
  }

  mutating func takeName(_ name: String) -> Bool {
    guard token == .name(name) else { return false }
    place += 1
    return true
  }

  mutating func expect(_ symbol: String) throws {
    if !take(symbol) { throw failure("\(symbol) is missing") }
  }

  mutating func name() throws -> String {
    guard case .name(let name)? = token else { throw failure("a name is missing") }
    place += 1
    return name
  }

  private mutating func countOperation() throws {
    operationCount += 1
    guard operationCount <= Self.mostOperations else {
      throw failure("an expression has more than \(Self.mostOperations) operations")
    }
  }

  private mutating func nested<T>(_ body: (inout TokenReader) throws -> T) throws -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else {
      throw failure("expressions are nested deeper than \(Self.deepest)")
    }
    return try body(&self)
  }

  func end() throws { if token != nil { throw failure("more follows than can be read") } }

  /// An expression and nothing after it; with `tuple` several with commas between them are one.
  mutating func whole(tuple: Bool = false) throws -> TemplateExpression {
    var result = try expression()
    if tuple, take(",") {
      var items = [result]
      repeat { if token != nil { items.append(try expression()) } } while take(",")
      result = .list(items, isTuple: true)
    }
    try end()
    return result
  }

  // MARK: By precedence, the loosest first

  mutating func expression() throws -> TemplateExpression {
    try nested { reader in
      let value = try reader.alternatives()
      guard reader.takeName("if") else { return value }
      let test = try reader.alternatives()
      return .conditional(test, value, reader.takeName("else") ? try reader.expression() : nil)
    }
  }

  /// An expression without a condition behind it.
  mutating func unconditional() throws -> TemplateExpression {
    let first = try nested { try $0.alternatives() }
    guard take(",") else { return first }
    var items = [first]
    repeat { items.append(try nested { try $0.alternatives() }) } while take(",")
    return .list(items, isTuple: true)
  }

  private mutating func alternatives() throws -> TemplateExpression {
    var left = try conjunction()
    while takeName("or") {
      try countOperation()
      left = .binary("or", left, try conjunction())
    }
    return left
  }

  private mutating func conjunction() throws -> TemplateExpression {
    var left = try negation()
    while takeName("and") {
      try countOperation()
      left = .binary("and", left, try negation())
    }
    return left
  }

  private mutating func negation() throws -> TemplateExpression {
    guard takeName("not") else { return try comparison() }
    return .unary("not", try nested { try $0.negation() })
  }

  private mutating func comparison() throws -> TemplateExpression {
    let left = try sum()
    var rest: [(symbol: String, operand: TemplateExpression)] = []
    while let symbol = try comparisonSymbol() {
      try countOperation()
      rest.append((symbol, try sum()))
    }
    return rest.isEmpty ? left : .comparison(left, rest)
  }

  private mutating func comparisonSymbol() throws -> String? {
    if takeName("in") { return "in" }
    if token == .name("not"), place + 1 < tokens.count, tokens[place + 1] == .name("in") {
      place += 2
      return "not in"
    }
    guard case .symbol(let symbol)? = token,
      ["==", "!=", "<", "<=", ">", ">="].contains(symbol)
    else { return nil }
    place += 1
    return symbol
  }

  /// Operations of one precedence, from left to right.
  private mutating func chain(
    _ symbols: Set<String>, _ operand: (inout TokenReader) throws -> TemplateExpression
  ) throws -> TemplateExpression {
    var left = try operand(&self)
    while case .symbol(let symbol)? = token, symbols.contains(symbol) {
      place += 1
      try countOperation()
      left = .binary(symbol, left, try operand(&self))
    }
    return left
  }

  private mutating func sum() throws -> TemplateExpression {
    try chain(["+", "-"]) { reader in
      try reader.chain(["~"]) { reader in
        try reader.chain(["*", "//", "/", "%"]) { reader in
          try reader.chain(["**"]) { try $0.unary(filters: true) }
        }
      }
    }
  }

  /// Signs bind closer than filters: `-1 | abs` is 1.
  private mutating func unary(filters: Bool) throws -> TemplateExpression {
    var value: TemplateExpression
    if take("-") {
      value = .unary("-", try nested { try $0.unary(filters: false) })
    } else if take("+") {
      value = .unary("+", try nested { try $0.unary(filters: false) })
    } else {
      value = try primary()
    }
    value = try postfix(of: value)
    return filters ? try filtered(value) : value
  }

  private mutating func filtered(_ value: TemplateExpression) throws -> TemplateExpression {
    var value = value
    while true {
      if take("|") {
        let call = try filter()
        value = .filter(value, call.name, call.arguments)
      } else if takeName("is") {
        value = try test(value)
      } else if take("(") {
        value = .call(value, try arguments())
      } else {
        return value
      }
      try countOperation()
    }
  }

  private mutating func filter() throws -> TemplateFilterCall {
    TemplateFilterCall(
      name: try name(), arguments: take("(") ? try arguments() : TemplateArguments())
  }

  /// Filters, each behind a bar.
  mutating func filters() throws -> [TemplateFilterCall] {
    var filters: [TemplateFilterCall] = []
    while take("|") {
      try countOperation()
      filters.append(try filter())
    }
    return filters
  }

  private mutating func test(_ value: TemplateExpression) throws -> TemplateExpression {
    let isNegated = takeName("not")
    var name = ""
    if case .symbol(let symbol)? = token, ["==", "!=", "<", "<=", ">", ">="].contains(symbol) {
      throw failure("a test has a name")
    }
    name = try self.name()
    var arguments = TemplateArguments()
    if take("(") {
      arguments = try self.arguments()
    } else if beginsArgument {
      arguments.positional = [try postfix()]
    }
    if token == .name("is") { throw failure("tests cannot be chained") }
    let test = TemplateExpression.test(value, name, arguments)
    return isNegated ? .unary("not", test) : test
  }

  /// Whether what follows a test's name is its argument.
  private var beginsArgument: Bool {
    switch token {
    case .name(let name)?: !["else", "or", "and", "if", "is", "in", "not"].contains(name)
    case .text?, .number?: true
    case .symbol(let symbol)?: ["[", "{"].contains(symbol)
    case nil: false
    }
  }

  /// A value with what is read from it: `.name`, `[item]`, `(arguments)`.
  mutating func postfix() throws -> TemplateExpression { try postfix(of: try primary()) }

  private mutating func postfix(of value: TemplateExpression) throws -> TemplateExpression {
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

  private mutating func arguments() throws -> TemplateArguments {
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

  private mutating func primary() throws -> TemplateExpression {
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
