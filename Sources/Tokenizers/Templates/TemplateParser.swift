// Templates as trees.

indirect enum TemplateExpression: Sendable {
  case literal(TemplateValue)
  case name(String)
  case list([TemplateExpression], isTuple: Bool)
  case dictionary([(key: TemplateExpression, value: TemplateExpression)])
  case attribute(TemplateExpression, String)
  case item(TemplateExpression, TemplateExpression)
  case slice(TemplateExpression, TemplateExpression?, TemplateExpression?, TemplateExpression?)
  case call(TemplateExpression, TemplateArguments)
  case filter(TemplateExpression, String, TemplateArguments)
  case test(TemplateExpression, String, TemplateArguments)
  case unary(String, TemplateExpression)
  case binary(String, TemplateExpression, TemplateExpression)
  /// A chain such as a < b <= c: each pair must hold.
  case comparison(TemplateExpression, [(symbol: String, operand: TemplateExpression)])
  case conditional(TemplateExpression, TemplateExpression, TemplateExpression?)
}

struct TemplateArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
}

/// A filter that is applied to a block.
struct TemplateFilterCall: Sendable {
  let name: String
  let arguments: TemplateArguments
}

indirect enum TemplateNode: Sendable {
  case text(Scalars)
  case output(TemplateExpression, line: Int)
  case condition([(test: TemplateExpression, body: [TemplateNode])], otherwise: [TemplateNode], Int)
  case loop(
    names: [String], items: TemplateExpression, filter: TemplateExpression?, body: [TemplateNode],
    otherwise: [TemplateNode], line: Int)
  case set([TemplateExpression], TemplateExpression, line: Int)
  case setBlock(TemplateExpression, filters: [TemplateFilterCall], [TemplateNode], line: Int)
  case macro(TemplateMacro)
  case leaveLoop
  case nextItem
}

/// Reads the part of Jinja (https://jinja.palletsprojects.com, template designer documentation) that
/// chat templates use.
struct TemplateParser {
  private let pieces: [TemplateLexer.Piece]
  private var next = 0
  private var depth = 0
  /// Loops around the present statement, which `break` and `continue` need.
  private var loopDepth = 0

  /// Blocks within blocks; more than any template has, few enough for any stack.
  private static let deepest = 60

  static func parse(_ template: String) throws -> [TemplateNode] {
    var parser = TemplateParser(pieces: try TemplateLexer.pieces(of: template))
    let (nodes, end) = try parser.block(until: [], opened: 1)
    return end == nil ? nodes : []
  }

  private init(pieces: [TemplateLexer.Piece]) { self.pieces = pieces }

  /// What a statement that ends a block says: its word, and what follows.
  private typealias Ending = (word: String, tokens: TokenReader)

  private mutating func block(until ends: [String], opened: Int) throws -> ([TemplateNode], Ending?)
  {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else {
      throw TemplateFailure("blocks are nested deeper than \(Self.deepest)", line: opened)
    }
    var nodes: [TemplateNode] = []
    while next < pieces.count {
      let piece = pieces[next]
      next += 1
      switch piece {
      case .text(let text): nodes.append(.text(text))
      case .expression(let tokens, let line):
        var reader = TokenReader(tokens, line: line)
        nodes.append(.output(try reader.whole(tuple: true), line: line))
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
    let (nodes, ending) = try block(until: [end], opened: line)
    try ending?.tokens.end()
    return nodes
  }

  private mutating func statement(_ word: String, _ reader: inout TokenReader) throws
    -> TemplateNode?
  {
    let line = reader.line
    switch word {
    case "if": return try condition(&reader)
    case "for": return try loop(&reader)
    case "set":
      var targets = [try reader.postfix()]
      while reader.take(",") { targets.append(try reader.postfix()) }
      if reader.take("=") { return .set(targets, try reader.whole(tuple: true), line: line) }
      guard targets.count == 1 else { throw reader.failure("a block is set to one name") }
      let filters = try reader.filters()
      try reader.end()
      return .setBlock(targets[0], filters: filters, try body("endset", line), line: line)
    case "macro": return .macro(try macro(&reader))
    case "generation", "endgeneration":  // marks what an assistant said
      try reader.end()
      return nil
    case "break", "continue":
      try reader.end()
      guard loopDepth > 0 else { throw reader.failure("\(word) stands outside of a loop") }
      return word == "break" ? .leaveLoop : .nextItem
    default: throw reader.failure("the statement \(word.excerpt) is not built")
    }
  }

  private mutating func macro(_ reader: inout TokenReader) throws -> TemplateMacro {
    let name = try reader.name()
    try reader.expect("(")
    var parameters: [(name: String, value: TemplateExpression?)] = []
    while !reader.take(")") {
      let parameter = try reader.name()
      let value = reader.take("=") ? try reader.expression() : nil
      guard value != nil || parameters.last?.value == nil else {
        throw reader.failure(
          "\(parameter.excerpt) needs a value, as the parameter before it has one")
      }
      parameters.append((parameter, value))
      if !reader.take(",") {
        try reader.expect(")")
        break
      }
    }
    try reader.end()
    guard Set(parameters.map(\.name)).count == parameters.count else {
      throw reader.failure("two parameters of a macro have one name")
    }
    let outer = loopDepth
    loopDepth = 0
    defer { loopDepth = outer }
    return TemplateMacro(
      name: name, parameters: parameters, body: try body("endmacro", reader.line))
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
      case (let word, let rest)? where word == "else":
        try rest.end()
        return .condition(branches, otherwise: try self.body("endif", line), line)
      default:
        try end?.tokens.end()
        return .condition(branches, otherwise: [], line)
      }
    }
  }

  private mutating func loop(_ reader: inout TokenReader) throws -> TemplateNode {
    let line = reader.line
    let isEnclosed = reader.take("(")
    var names = [try reader.name()]
    while reader.take(",") { names.append(try reader.name()) }
    if isEnclosed { try reader.expect(")") }
    guard reader.takeName("in") else { throw reader.failure("for needs in") }
    let items = try reader.unconditional()
    let filter = reader.takeName("if") ? try reader.expression() : nil
    if reader.takeName("recursive") { throw reader.failure("a recursive loop is not built") }
    try reader.end()
    loopDepth += 1
    let (body, end) = try block(until: ["else", "endfor"], opened: line)
    loopDepth -= 1
    try end?.tokens.end()
    let otherwise = end?.word == "else" ? try self.body("endfor", line) : []
    return .loop(
      names: names, items: items, filter: filter, body: body, otherwise: otherwise, line: line)
  }
}
