// Expressions of templates from tokens.

/// Reads expressions from the tokens of one piece.
struct TokenReader {
  let tokens: [TemplateLexer.Token]
  var place = 0
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

  var token: TemplateLexer.Token? { place < tokens.count ? tokens[place] : nil }

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

  mutating func countOperation() throws {
    operationCount += 1
    guard operationCount <= Self.mostOperations else {
      throw failure("an expression has more than \(Self.mostOperations) operations")
    }
  }

  mutating func nested<T>(_ body: (inout TokenReader) throws -> T) throws -> T {
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
      Self.comparisons.contains(symbol)
    else { return nil }
    place += 1
    return symbol
  }

  /// Operations of one precedence, from left to right.
  private mutating func chain(
    _ symbols: [String], _ operand: (inout TokenReader) throws -> TemplateExpression
  ) throws -> TemplateExpression {
    var left = try operand(&self)
    while case .symbol(let symbol)? = token, symbols.contains(symbol) {
      place += 1
      try countOperation()
      left = .binary(symbol, left, try operand(&self))
    }
    return left
  }

  private static let sums = ["+", "-"]
  private static let joins = ["~"]
  private static let products = ["*", "//", "/", "%"]
  private static let powers = ["**"]
  private static let comparisons = ["==", "!=", "<", "<=", ">", ">="]

  private mutating func sum() throws -> TemplateExpression {
    try chain(Self.sums) { reader in
      try reader.chain(Self.joins) { reader in
        try reader.chain(Self.products) { reader in
          try reader.chain(Self.powers) { try $0.unary(filters: true) }
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
    if case .symbol(let symbol)? = token, Self.comparisons.contains(symbol) {
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
}
