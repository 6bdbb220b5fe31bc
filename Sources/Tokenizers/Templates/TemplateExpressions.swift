// The values of expressions.

extension TemplateEvaluator {
  mutating func value(_ expression: TemplateExpression) throws -> TemplateValue {
    try spend(steps: 1)
    switch expression {
    case .literal(let value): return value
    case .name(let name): return known(name)
    default: return try deeper { try $0.compound(expression) }
    }
  }

  private mutating func compound(_ expression: TemplateExpression) throws -> TemplateValue {
    switch expression {
    case .literal, .name: return try value(expression)
    case .list(let items, let isTuple):
      var values: [TemplateValue] = []
      for item in items { values.append(try value(item)) }
      return try list(values, isTuple ? .tuple : .list)
    case .dictionary(let members): return try dictionary(members)
    // Operands come first, in statements of their own: what does not change the evaluator sees it as it was
    // before its arguments.
    case .attribute(let owner, let name):
      let owner = try value(owner)
      return try attribute(name, of: owner)
    case .item(let owner, let index):
      let owner = try value(owner)
      let index = try value(index)
      return try item(of: owner, at: index)
    case .slice(let owner, let from, let to, let step):
      let owner = try value(owner)
      return try slice(owner, try bound(from), try bound(to), try bound(step) ?? 1)
    case .call(let callee, let arguments): return try call(callee, arguments)
    case .filter(let operand, let name, let arguments):
      let operand = try value(operand)
      return try apply(name, to: operand, try values(arguments))
    case .test(let operand, let name, let arguments):
      let operand = try value(operand)
      let call = try values(arguments)
      return .bool(try holds(name, of: operand, call))
    case .unary(let symbol, let operand):
      let operand = try value(operand)
      return try signed(symbol, operand)
    case .binary: return try chain(expression)
    case .comparison(let first, let rest):
      var left = try value(first)
      for (symbol, operand) in rest {
        let right = try value(operand)
        guard try compare(symbol, left, right) else { return .bool(false) }
        left = right
      }
      return .bool(true)
    case .conditional(let test, let first, let second):
      if try value(test).isTrue { return try value(first) }
      return try second.map { try value($0) } ?? .undefined
    }
  }

  /// Operations that lean to the left, such as sums of many parts, from the left on and without going down.
  private mutating func chain(_ expression: TemplateExpression) throws -> TemplateValue {
    var first = expression
    var rest: [(symbol: String, operand: TemplateExpression)] = []
    while case .binary(let symbol, let left, let right) = first {
      rest.append((symbol, right))
      first = left
    }
    var result = try value(first)
    for (symbol, operand) in rest.reversed() {
      switch symbol {
      case "and": if result.isTrue { result = try value(operand) }
      case "or": if !result.isTrue { result = try value(operand) }
      default:
        let left = result
        result = try arithmetic(symbol, left, try value(operand))
      }
    }
    return result
  }

  private mutating func dictionary(
    _ members: [(key: TemplateExpression, value: TemplateExpression)]
  ) throws -> TemplateValue {
    var dictionary = TemplateValue.Dictionary()
    try spend(size: members.count, each: Self.memberSize)
    for member in members {
      let key = try value(member.key)
      guard let own = try self.key(key) else { throw failure("\(key.kind) cannot be a key") }
      dictionary.set(key, own, try value(member.value))
    }
    return try checked(dictionary)
  }

  mutating func values(_ arguments: TemplateArguments) throws -> TemplateCall {
    var call = TemplateCall()
    for argument in arguments.positional { call.positional.append(try value(argument)) }
    for (name, argument) in arguments.named { call.named.append((name, try value(argument))) }
    return call
  }

  private mutating func bound(_ expression: TemplateExpression?) throws -> Int? {
    guard let expression else { return nil }
    let bound = try value(expression)
    if bound.isNone { return nil }
    guard let number = bound.int else { throw failure("a slice needs whole numbers") }
    return number
  }

  // MARK: Calls

  private mutating func call(_ callee: TemplateExpression, _ arguments: TemplateArguments) throws
    -> TemplateValue
  {
    if case .attribute(let owner, let method) = callee {
      let owner = try value(owner)
      if case .loop(let loop) = owner { return try call(method, of: loop, try values(arguments)) }
      if case .namespace(let space) = owner,
        case .macro(let macro)? = namespaces[space.index][method]
      {
        return try expand(macro, try values(arguments))
      }
      return try call(method, of: owner, try values(arguments))
    }
    switch try value(callee) {
    case .macro(let macro): return try expand(macro, try values(arguments))
    case .function(let name): return try function(name, try values(arguments))
    case .undefined:
      if case .name(let name) = callee {
        throw failure("the function \(name.excerpt) is not built")
      }
      throw failure("what is undefined cannot be called")
    case .loop: throw failure("a loop that calls itself is not built")
    case let other: throw failure("\(other.kind) cannot be called")
    }
  }

  private mutating func call(_ method: String, of loop: TemplateValue.Loop, _ given: TemplateCall)
    throws -> TemplateValue
  {
    guard given.named.isEmpty else {
      throw failure("loop.\(method.excerpt) has no argument \(given.named[0].name.excerpt)")
    }
    switch method {
    case "cycle":
      guard !given.positional.isEmpty else { throw failure("loop.cycle needs values") }
      return given.positional[loop.index % given.positional.count]
    case "changed":
      guard lastSeen.indices.contains(loop.number) else {
        throw failure("loop.changed is asked after its loop")
      }
      let new = try list(given.positional)
      let isSame = try lastSeen[loop.number].map { try equal(.list(.init($0)), new) } ?? false
      lastSeen[loop.number] = given.positional
      return .bool(!isSame)
    default: throw failure("a loop has no method \(method.excerpt)")
    }
  }

  private mutating func function(_ name: String, _ given: TemplateCall) throws -> TemplateValue {
    switch name {
    case "raise_exception":
      let bound = try bind(given, ["message"], of: name)
      guard let message = bound["message"] else { throw failure("raise_exception needs a text") }
      throw failure("the template refuses: \(try Array(shown(message).prefix(500)).text)")
    case "strftime_now":
      guard let format = try bind(given, ["format"], of: name)["format"]?.text else {
        throw failure("strftime_now needs a text")
      }
      guard let text = dateText(format.text) else {
        throw failure("strftime_now has no date in the format \(format.text.excerpt)")
      }
      return try made(Scalars(text))
    case "namespace":
      try spend(size: Self.memberSize)
      namespaces.append(try members(given, of: name))
      return .namespace(.init(index: namespaces.count - 1))
    case "dict": return try checked(try members(given, of: name))
    case "range": return try range(given)
    default: throw failure("the function \(name) is not built")
    }
  }

  /// The members that `dict` and `namespace` are given: a dictionary, or pairs, and names.
  private mutating func members(_ given: TemplateCall, of name: String) throws
    -> TemplateValue.Dictionary
  {
    guard given.positional.count <= 1 else { throw failure("\(name) takes one value and names") }
    var dictionary = TemplateValue.Dictionary()
    switch given.positional.first {
    case nil: break
    case .dictionary(let first)?: dictionary = first
    case let pairs?:
      guard let items = try items(of: pairs) else {
        throw failure("\(name) cannot be made of \(pairs.kind)")
      }
      for pair in items {
        guard pair.itemCount == 2, let parts = try self.items(of: pair),
          let key = try key(parts[0])
        else { throw failure("\(name) needs pairs of keys and values") }
        try spend(size: Self.memberSize)
        dictionary.set(parts[0], key, parts[1])
      }
    }
    for (key, value) in given.named { dictionary.set(key, value) }
    try spend(size: dictionary.members.count, each: Self.memberSize)
    return dictionary
  }

  /// At most as many numbers as Jinja's sandbox allows.
  private static let longestRange = 100_000

  private mutating func range(_ given: TemplateCall) throws -> TemplateValue {
    let bounds = given.positional.compactMap(\.int)
    guard (1...3).contains(bounds.count), bounds.count == given.positional.count,
      given.named.isEmpty, bounds.count < 3 || bounds[2] != 0
    else { throw failure("range needs one to three whole numbers, of which the step is not 0") }
    let (from, to) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
    let step = bounds.count == 3 ? bounds[2] : 1
    var numbers: [TemplateValue] = []
    var number = from
    while step > 0 ? number < to : number > to {
      guard numbers.count < Self.longestRange else {
        throw failure("range has more than \(Self.longestRange) numbers")
      }
      numbers.append(.integer(number))
      let (next, overflows) = number.addingReportingOverflow(step)
      if overflows { break }
      number = next
    }
    return try list(numbers, .range(from: from, to: to, step: step))
  }
}

/// Arguments with their values.
struct TemplateCall {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []
}

extension TemplateEvaluator {
  /// Arguments under the names of the parameters; one that is too many, or has no such name, is an error that
  /// names it.
  func bind(_ call: TemplateCall, _ names: [String], of what: String) throws
    -> [String: TemplateValue]
  {
    guard call.positional.count <= names.count else {
      throw failure("\(what) takes at most \(names.count) arguments, not \(call.positional.count)")
    }
    var bound = Dictionary(zip(names, call.positional)) { $1 }
    let known = call.named.isEmpty ? [] : Set(names)
    for (name, value) in call.named {
      guard known.contains(name) else {
        throw failure("\(what) has no argument \(name.excerpt), or it is not built")
      }
      guard bound.updateValue(value, forKey: name) == nil else {
        throw failure("\(what) is given \(name.excerpt) twice")
      }
    }
    return bound
  }
}
