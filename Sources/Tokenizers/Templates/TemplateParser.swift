// Templates as trees.

indirect enum TemplateExpression: Sendable {
  case literal(TemplateValue)
  case name(String)
  case list([TemplateExpression])
  case dictionary([(key: TemplateExpression, value: TemplateExpression)])
  case attribute(TemplateExpression, String)
  case item(TemplateExpression, TemplateExpression)
  case slice(TemplateExpression, TemplateExpression?, TemplateExpression?, TemplateExpression?)
  case call(TemplateExpression, TemplateArguments)
  case filter(TemplateExpression, String, TemplateArguments)
  case test(TemplateExpression, String, TemplateArguments)
  case unary(String, TemplateExpression)
  case binary(String, TemplateExpression, TemplateExpression)
  case conditional(TemplateExpression, TemplateExpression, TemplateExpression?)
}

struct TemplateArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
}

indirect enum TemplateNode: Sendable {
  case text(String)
  case output(TemplateExpression, line: Int)
  case condition([(test: TemplateExpression, body: [TemplateNode])], otherwise: [TemplateNode], Int)
  case loop(
    names: [String], items: TemplateExpression, filter: TemplateExpression?, body: [TemplateNode],
    otherwise: [TemplateNode], line: Int)
  case set(TemplateExpression, TemplateExpression, line: Int)
  case setBlock(String, [TemplateNode])
  case macro(String, parameters: [(name: String, value: TemplateExpression?)], [TemplateNode])
  case leaveLoop
  case nextItem
}

/// Reads the part of Jinja (https://jinja.palletsprojects.com, template designer documentation) that
/// chat templates use.
struct TemplateParser {
  private let pieces: [TemplateLexer.Piece]
  private var next = 0

  static func parse(_ template: String) throws -> [TemplateNode] {
    var parser = TemplateParser(pieces: try TemplateLexer.pieces(of: template))
    let (nodes, end) = try parser.block(until: [], opened: 1)
    precondition(end == nil, "a block without ends reads to the end")
    return nodes
  }

  private init(pieces: [TemplateLexer.Piece]) { self.pieces = pieces }

  /// What a statement that ends a block says: its word, and what follows.
  private typealias Ending = (word: String, tokens: TokenReader)

  private mutating func block(until ends: [String], opened: Int) throws -> ([TemplateNode], Ending?)
  {
    var nodes: [TemplateNode] = []
    while next < pieces.count {
      let piece = pieces[next]
      next += 1
      switch piece {
      case .text(let text): nodes.append(.text(text))
      case .expression(let tokens, let line):
        var reader = TokenReader(tokens, line: line)
        nodes.append(.output(try reader.whole(), line: line))
      case .statement(let tokens, let line):
        var reader = TokenReader(tokens, line: line)
        let word = try reader.name()
        if ends.contains(word) { return (nodes, (word, reader)) }
        if let node = try statement(word, &reader) { nodes.append(node) }
      }
    }
    guard ends.isEmpty else {
      throw TemplateFailure("a block lacks its \(ends.last ?? "")", line: opened)
    }
    return (nodes, nil)
  }

  private mutating func body(_ end: String, _ line: Int) throws -> [TemplateNode] {
    try block(until: [end], opened: line).0
  }

  private mutating func statement(_ word: String, _ reader: inout TokenReader) throws
    -> TemplateNode?
  {
    let line = reader.line
    switch word {
    case "if": return try condition(&reader)
    case "for": return try loop(&reader)
    case "set":
      let target = try reader.postfix()
      if reader.take("=") { return .set(target, try reader.whole(tuple: true), line: line) }
      guard case .name(let name) = target else { throw reader.failure("set needs a name") }
      return .setBlock(name, try body("endset", line))
    case "macro":
      let name = try reader.name()
      try reader.expect("(")
      var parameters: [(name: String, value: TemplateExpression?)] = []
      while !reader.take(")") {
        let parameter = try reader.name()
        parameters.append((parameter, reader.take("=") ? try reader.expression() : nil))
        if !reader.take(",") {
          try reader.expect(")")
          break
        }
      }
      return .macro(name, parameters: parameters, try body("endmacro", line))
    case "generation", "endgeneration": return nil  // marks what an assistant said
    case "break": return .leaveLoop
    case "continue": return .nextItem
    default: throw reader.failure("the statement \(word) is not built")
    }
  }

  private mutating func condition(_ reader: inout TokenReader) throws -> TemplateNode {
    let line = reader.line
    var branches: [(test: TemplateExpression, body: [TemplateNode])] = []
    var test = try reader.whole()
    while true {
      let (body, end) = try block(until: ["elif", "else", "endif"], opened: line)
      branches.append((test, body))
      switch end {
      case (let word, var rest)? where word == "elif": test = try rest.whole()
      case (let word, _)? where word == "else":
        return .condition(branches, otherwise: try self.body("endif", line), line)
      default: return .condition(branches, otherwise: [], line)
      }
    }
  }

  private mutating func loop(_ reader: inout TokenReader) throws -> TemplateNode {
    let line = reader.line
    var names = [try reader.name()]
    while reader.take(",") { names.append(try reader.name()) }
    guard reader.takeName("in") else { throw reader.failure("for needs in") }
    let items = try reader.alternatives()
    let filter = reader.takeName("if") ? try reader.expression() : nil
    try reader.end()
    let (body, end) = try block(until: ["else", "endfor"], opened: line)
    let otherwise = end?.word == "else" ? try self.body("endfor", line) : []
    return .loop(
      names: names, items: items, filter: filter, body: body, otherwise: otherwise, line: line)
  }
}

/// Reads expressions from the tokens of one piece.
struct TokenReader {
  private let tokens: [TemplateLexer.Token]
  private var place = 0
  let line: Int

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

  func end() throws { if token != nil { throw failure("more follows than can be read") } }

  /// An expression and nothing after it.
  mutating func whole(tuple: Bool = false) throws -> TemplateExpression {
    var result = try expression()
    if tuple, take(",") {
      var items = [result]
      repeat { if token != nil { items.append(try expression()) } } while take(",")
      result = .list(items)
    }
    try end()
    return result
  }

  // MARK: By precedence, the loosest first

  mutating func expression() throws -> TemplateExpression {
    let value = try alternatives()
    guard takeName("if") else { return value }
    let test = try alternatives()
    return .conditional(test, value, takeName("else") ? try expression() : nil)
  }

  mutating func alternatives() throws -> TemplateExpression {
    var left = try conjunction()
    while takeName("or") { left = .binary("or", left, try conjunction()) }
    return left
  }

  private mutating func conjunction() throws -> TemplateExpression {
    var left = try negation()
    while takeName("and") { left = .binary("and", left, try negation()) }
    return left
  }

  private mutating func negation() throws -> TemplateExpression {
    takeName("not") ? .unary("not", try negation()) : try comparison()
  }

  private mutating func comparison() throws -> TemplateExpression {
    var left = try sum()
    while true {
      if let symbol = ["==", "!=", "<=", ">=", "<", ">"].first(where: { token == .symbol($0) }) {
        place += 1
        left = .binary(symbol, left, try sum())
      } else if takeName("in") {
        left = .binary("in", left, try sum())
      } else if token == .name("not"), place + 1 < tokens.count, tokens[place + 1] == .name("in") {
        place += 2
        left = .unary("not", .binary("in", left, try sum()))
      } else {
        return left
      }
    }
  }

  private mutating func chain(
    _ symbols: [String], _ operand: (inout TokenReader) throws -> TemplateExpression
  ) throws -> TemplateExpression {
    var left = try operand(&self)
    while let symbol = symbols.first(where: { token == .symbol($0) }) {
      place += 1
      left = .binary(symbol, left, try operand(&self))
    }
    return left
  }

  private mutating func sum() throws -> TemplateExpression {
    try chain(["+", "-"]) { reader in
      try reader.chain(["~"]) { reader in
        try reader.chain(["*", "//", "/", "%"]) { try $0.unary() }
      }
    }
  }

  private mutating func unary() throws -> TemplateExpression {
    if take("-") { return .unary("-", try unary()) }
    if take("+") { return try unary() }
    return try filtered(try postfix())
  }

  private mutating func filtered(_ value: TemplateExpression) throws -> TemplateExpression {
    var value = value
    while true {
      if take("|") {
        let name = try name()
        value = .filter(value, name, take("(") ? try arguments() : TemplateArguments())
      } else if takeName("is") {
        let isNegated = takeName("not")
        let name = try name()
        var arguments = TemplateArguments()
        if take("(") {
          arguments = try self.arguments()
        } else if ["divisibleby", "eq", "equalto", "in"].contains(name) {
          arguments.positional = [try postfix()]
        }
        let test = TemplateExpression.test(value, name, arguments)
        value = isNegated ? .unary("not", test) : test
      } else {
        return value
      }
    }
  }

  /// A value with what is read from it: `.name`, `[item]`, `(arguments)`.
  mutating func postfix() throws -> TemplateExpression {
    var value = try primary()
    while true {
      if take(".") {
        value = .attribute(value, try name())
      } else if take("[") {
        value = try subscripted(value)
      } else if take("(") {
        value = .call(value, try arguments())
      } else {
        return value
      }
    }
  }

  private mutating func subscripted(_ value: TemplateExpression) throws -> TemplateExpression {
    var parts: [TemplateExpression?] = [nil]
    while !take("]") {
      if take(":") { parts.append(nil) } else { parts[parts.count - 1] = try expression() }
      if token == nil { throw failure("] is missing") }
    }
    if parts.count == 1, let index = parts[0] { return .item(value, index) }
    guard (2...3).contains(parts.count) else { throw failure("a slice has two or three parts") }
    return .slice(value, parts[0], parts[1], parts.count == 3 ? parts[2] : nil)
  }

  private mutating func arguments() throws -> TemplateArguments {
    var arguments = TemplateArguments()
    while !take(")") {
      if case .name(let name)? = token, place + 1 < tokens.count, tokens[place + 1] == .symbol("=")
      {
        place += 2
        arguments.named.append((name, try expression()))
      } else {
        arguments.positional.append(try expression())
      }
      if !take(",") {
        try expect(")")
        break
      }
    }
    return arguments
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
      return .literal(.text(whole))
    case .number(let digits):
      if let whole = Int(digits) { return .literal(.integer(whole)) }
      guard let number = Double(digits) else { throw failure("\(digits) is no number") }
      return .literal(.number(number))
    case .name(let name):
      switch name {
      case "true", "True": return .literal(.bool(true))
      case "false", "False": return .literal(.bool(false))
      case "none", "None": return .literal(.none)
      default: return .name(name)
      }
    case .symbol("("):
      var items: [TemplateExpression] = []
      var isTuple = false
      while !take(")") {
        items.append(try expression())
        if take(",") {
          isTuple = true
        } else {
          try expect(")")
          break
        }
      }
      return items.count == 1 && !isTuple ? items[0] : .list(items)
    case .symbol("["):
      var items: [TemplateExpression] = []
      while !take("]") {
        items.append(try expression())
        if !take(",") {
          try expect("]")
          break
        }
      }
      return .list(items)
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
}
