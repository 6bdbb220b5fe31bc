// What a template says, given its input.
import Foundation

/// Runs a template. Blocks of loops and macros have scopes of their own; a namespace is shared.
struct TemplateEvaluator {
  private enum Flow { case goesOn, leavesLoop, nextItem }

  private var scopes: [[String: TemplateValue]]
  private var namespaces: [TemplateValue.Dictionary] = []
  private var output = ""
  private var line = 1
  private var callDepth = 0
  private let dateText: (String) -> String

  /// `dateText` gives the present time in a format of `strftime`.
  static func render(
    _ nodes: [TemplateNode], _ input: [String: TemplateValue],
    dateText: @escaping (String) -> String
  ) throws -> String {
    var evaluator = TemplateEvaluator(scopes: [input], dateText: dateText)
    _ = try evaluator.run(nodes)
    return evaluator.output
  }

  private init(scopes: [[String: TemplateValue]], dateText: @escaping (String) -> String) {
    self.scopes = scopes
    self.dateText = dateText
  }

  private func failure(_ reason: String) -> TemplateFailure { TemplateFailure(reason, line: line) }

  // MARK: Statements

  private mutating func run(_ nodes: [TemplateNode]) throws -> Flow {
    for node in nodes {
      switch node {
      case .text(let text): output += text
      case .output(let expression, let line):
        self.line = line
        output += try value(expression).shown
      case .condition(let branches, let otherwise, let line):
        self.line = line
        let body = try branches.first { try value($0.test).isTrue }?.body ?? otherwise
        let flow = try run(body)
        if flow != .goesOn { return flow }
      case .loop(let names, let items, let filter, let body, let otherwise, let line):
        self.line = line
        try loop(names, items, filter, body, otherwise)
      case .set(let target, let expression, let line):
        self.line = line
        try set(target, try value(expression))
      case .setBlock(let name, let body):
        let before = output
        output = ""
        _ = try run(body)
        scopes[scopes.count - 1][name] = .text(output)
        output = before
      case .macro(let name, let parameters, let body):
        scopes[scopes.count - 1][name] = .macro(parameters: parameters, body)
      case .leaveLoop: return .leavesLoop
      case .nextItem: return .nextItem
      }
    }
    return .goesOn
  }

  private mutating func set(_ target: TemplateExpression, _ value: TemplateValue) throws {
    switch target {
    case .name(let name): scopes[scopes.count - 1][name] = value
    case .attribute(let owner, let name):
      guard case .namespace(let space) = try self.value(owner) else {
        throw failure("only a namespace's names can be set from within")
      }
      namespaces[space.index][name] = value
    default: throw failure("this cannot be set")
    }
  }

  private mutating func loop(
    _ names: [String], _ expression: TemplateExpression, _ filter: TemplateExpression?,
    _ body: [TemplateNode], _ otherwise: [TemplateNode]
  ) throws {
    guard var items = try value(expression).items else { throw failure("this has no items") }
    func bind(_ item: TemplateValue) throws {
      if names.count == 1 {
        scopes[scopes.count - 1][names[0]] = item
      } else {
        guard case .list(let parts) = item, parts.count == names.count else {
          throw failure("an item has not \(names.count) parts")
        }
        for (name, part) in zip(names, parts) { scopes[scopes.count - 1][name] = part }
      }
    }
    scopes.append([:])
    defer { scopes.removeLast() }
    if let filter {
      var kept: [TemplateValue] = []
      for item in items {
        try bind(item)
        if try value(filter).isTrue { kept.append(item) }
      }
      items = kept
    }
    if items.isEmpty {
      _ = try run(otherwise)
      return
    }
    for (index, item) in items.enumerated() {
      scopes[scopes.count - 1] = [:]
      try bind(item)
      var state = TemplateValue.Dictionary()
      state["index0"] = .integer(index)
      state["index"] = .integer(index + 1)
      state["first"] = .bool(index == 0)
      state["last"] = .bool(index == items.count - 1)
      state["length"] = .integer(items.count)
      state["revindex"] = .integer(items.count - index)
      state["revindex0"] = .integer(items.count - index - 1)
      state["previtem"] = index > 0 ? items[index - 1] : .undefined
      state["nextitem"] = index + 1 < items.count ? items[index + 1] : .undefined
      scopes[scopes.count - 1]["loop"] = .dictionary(state)
      if try run(body) == .leavesLoop { break }
    }
  }

  // MARK: Expressions

  private mutating func value(_ expression: TemplateExpression) throws -> TemplateValue {
    switch expression {
    case .literal(let value): return value
    case .name(let name): return scopes.last { $0[name] != nil }?[name] ?? .undefined
    case .list(let items):
      var values: [TemplateValue] = []
      for item in items { values.append(try value(item)) }
      return .list(values)
    case .dictionary(let members):
      var dictionary = TemplateValue.Dictionary()
      for member in members { dictionary[try value(member.key).shown] = try value(member.value) }
      return .dictionary(dictionary)
    case .attribute(let owner, let name): return member(try value(owner), name)
    case .item(let owner, let index): return try item(of: try value(owner), at: try value(index))
    case .slice(let owner, let from, let to, let step):
      func bound(_ expression: TemplateExpression?) throws -> Int? {
        guard let expression else { return nil }
        guard let bound = try value(expression).int else { throw failure("a slice needs numbers") }
        return bound
      }
      return try slice(try value(owner), try bound(from), try bound(to), try bound(step) ?? 1)
    case .call(let callee, let arguments): return try call(callee, arguments)
    case .filter(let operand, let name, let arguments):
      return try TemplateFilters.apply(
        name, to: try value(operand), try values(arguments), failure: failure)
    case .test(let operand, let name, let arguments):
      return .bool(
        try TemplateFilters.holds(
          name, of: try value(operand), try values(arguments).positional, failure: failure))
    case .unary("not", let operand): return .bool(!(try value(operand).isTrue))
    case .unary(_, let operand):
      switch try value(operand) {
      case .integer(let number): return .integer(-number)
      case .number(let number): return .number(-number)
      default: throw failure("- needs a number")
      }
    case .binary(let symbol, let left, let right): return try binary(symbol, left, right)
    case .conditional(let test, let first, let second):
      if try value(test).isTrue { return try value(first) }
      return try second.map { try value($0) } ?? .undefined
    }
  }

  private mutating func values(_ arguments: TemplateArguments) throws -> TemplateFilters.Arguments {
    var values = TemplateFilters.Arguments()
    for argument in arguments.positional { values.positional.append(try value(argument)) }
    for (name, argument) in arguments.named { values.named[name] = try value(argument) }
    return values
  }

  private func member(_ owner: TemplateValue, _ name: String) -> TemplateValue {
    switch owner {
    case .dictionary(let dictionary): dictionary[name] ?? .undefined
    case .namespace(let space): namespaces[space.index][name] ?? .undefined
    default: .undefined
    }
  }

  private func item(of owner: TemplateValue, at index: TemplateValue) throws -> TemplateValue {
    if let name = index.string { return member(owner, name) }
    guard let index = index.int else { return .undefined }
    switch owner {
    case .list, .text:
      let items = owner.items ?? []
      let place = index < 0 ? items.count + index : index
      return items.indices.contains(place) ? items[place] : .undefined
    default: return .undefined
    }
  }

  private func slice(_ owner: TemplateValue, _ from: Int?, _ to: Int?, _ step: Int) throws
    -> TemplateValue
  {
    guard let items = owner.items, step != 0 else { throw failure("this cannot be sliced") }
    func clamped(_ bound: Int?, _ fallback: Int, _ low: Int, _ high: Int) -> Int {
      guard let bound else { return fallback }
      return min(max(bound < 0 ? items.count + bound : bound, low), high)
    }
    let places: [Int]
    if step > 0 {
      places = Array(
        stride(
          from: clamped(from, 0, 0, items.count), to: clamped(to, items.count, 0, items.count),
          by: step))
    } else {
      let last = items.count - 1
      places = Array(
        stride(from: clamped(from, last, -1, last), to: clamped(to, -1, -1, last), by: step))
    }
    let part = places.map { items[$0] }
    return owner.string == nil ? .list(part) : .text(part.map(\.shown).joined())
  }

  private mutating func binary(
    _ symbol: String, _ left: TemplateExpression, _ right: TemplateExpression
  ) throws -> TemplateValue {
    let a = try value(left)
    if symbol == "and" { return a.isTrue ? try value(right) : a }
    if symbol == "or" { return a.isTrue ? a : try value(right) }
    let b = try value(right)
    switch symbol {
    case "==": return .bool(a.equals(b))
    case "!=": return .bool(!a.equals(b))
    case "~": return .text(a.shown + b.shown)
    case "in":
      if let part = a.string, let whole = b.string {
        return .bool(part.isEmpty || whole.range(of: part, options: .literal) != nil)
      }
      guard let items = b.items else { throw failure("in needs a list, a text or a dictionary") }
      return .bool(items.contains { $0.equals(a) })
    case "<", "<=", ">", ">=":
      let order: (less: Bool, same: Bool)
      if let x = a.double, let y = b.double {
        order = (x < y, x == y)
      } else if let x = a.string, let y = b.string {
        order = (x.unicodeScalars.lexicographicallyPrecedes(y.unicodeScalars), x == y)
      } else {
        throw failure("\(symbol) compares numbers or texts")
      }
      switch symbol {
      case "<": return .bool(order.less)
      case "<=": return .bool(order.less || order.same)
      case ">": return .bool(!order.less && !order.same)
      default: return .bool(!order.less)
      }
    default: return try arithmetic(symbol, a, b)
    }
  }

  private func arithmetic(_ symbol: String, _ a: TemplateValue, _ b: TemplateValue) throws
    -> TemplateValue
  {
    if symbol == "+" {
      if let x = a.string, let y = b.string { return .text(x + y) }
      if case (.list(let x), .list(let y)) = (a, b) { return .list(x + y) }
    }
    if symbol == "*", let text = a.string, let count = b.int {
      return .text(String(repeating: text, count: max(0, count)))
    }
    if let x = a.int, let y = b.int, symbol != "/" {
      func floored(_ part: KeyPath<(quotient: Int, remainder: Int), Int>) throws -> TemplateValue {
        guard y != 0 else { throw failure("division by zero") }
        var result = x.quotientAndRemainder(dividingBy: y)
        if result.remainder != 0, (result.remainder < 0) != (y < 0) {
          result = (result.quotient - 1, result.remainder + y)
        }
        return .integer(result[keyPath: part])
      }
      switch symbol {
      case "+": return .integer(x &+ y)
      case "-": return .integer(x &- y)
      case "*": return .integer(x &* y)
      case "//": return try floored(\.quotient)
      default: return try floored(\.remainder)
      }
    }
    guard let x = a.double, let y = b.double else {
      throw failure("\(symbol) cannot join these values")
    }
    switch symbol {
    case "+": return .number(x + y)
    case "-": return .number(x - y)
    case "*": return .number(x * y)
    case "/": return .number(x / y)
    case "//": return .number((x / y).rounded(.down))
    default: return .number(x - y * (x / y).rounded(.down))
    }
  }

  // MARK: Calls

  private mutating func call(_ callee: TemplateExpression, _ arguments: TemplateArguments) throws
    -> TemplateValue
  {
    let given = try values(arguments)
    if case .attribute(let owner, let method) = callee {
      return try TemplateFilters.call(
        method, of: try value(owner), given, failure: failure)
    }
    guard case .name(let name) = callee else { throw failure("this cannot be called") }
    if case .macro(let parameters, let body)? = scopes.last(where: { $0[name] != nil })?[name] {
      return try expand(parameters, body, given)
    }
    switch name {
    case "raise_exception":
      throw failure("the template refuses: \(given.positional.first?.shown ?? "")")
    case "namespace":
      namespaces.append(
        TemplateValue.Dictionary(
          members: arguments.named.map { ($0.name, given.named[$0.name] ?? .none) }))
      return .namespace(.init(index: namespaces.count - 1))
    case "strftime_now": return .text(dateText(given.positional.first?.shown ?? ""))
    case "range":
      let bounds = given.positional.compactMap(\.int)
      guard (1...3).contains(bounds.count), bounds.count < 3 || bounds[2] != 0 else {
        throw failure("range needs one to three numbers")
      }
      let steps = stride(
        from: bounds.count == 1 ? 0 : bounds[0], to: bounds.count == 1 ? bounds[0] : bounds[1],
        by: bounds.count == 3 ? bounds[2] : 1)
      return .list(steps.prefix(1 << 16).map { .integer($0) })
    case "dict":
      return .dictionary(
        .init(members: arguments.named.map { ($0.name, given.named[$0.name] ?? .none) }))
    default: throw failure("the function \(name) is not built")
    }
  }

  private mutating func expand(
    _ parameters: [(name: String, value: TemplateExpression?)], _ body: [TemplateNode],
    _ given: TemplateFilters.Arguments
  ) throws -> TemplateValue {
    guard callDepth < 100 else { throw failure("a macro calls itself without end") }
    callDepth += 1
    var scope: [String: TemplateValue] = [:]
    for (index, parameter) in parameters.enumerated() {
      scope[parameter.name] =
        index < given.positional.count
        ? given.positional[index]
        : try given.named[parameter.name] ?? parameter.value.map { try value($0) } ?? .undefined
    }
    let (outer, before) = (scopes, output)
    scopes = [outer[0], scope]
    output = ""
    _ = try run(body)
    let result = output
    (scopes, output) = (outer, before)
    callDepth -= 1
    return .text(result)
  }
}
