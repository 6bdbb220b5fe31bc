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
      return try list(values, isTuple: isTuple)
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
    case .binary("and", let left, let right):
      let left = try value(left)
      return left.isTrue ? try value(right) : left
    case .binary("or", let left, let right):
      let left = try value(left)
      return left.isTrue ? left : try value(right)
    case .binary(let symbol, let left, let right):
      let left = try value(left)
      return try arithmetic(symbol, left, try value(right))
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

  private mutating func dictionary(
    _ members: [(key: TemplateExpression, value: TemplateExpression)]
  ) throws -> TemplateValue {
    var dictionary = TemplateValue.Dictionary()
    try spend(size: members.count)
    for member in members {
      let key = try value(member.key)
      guard let own = key.key else { throw failure("\(key.kind) cannot be a key") }
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

  // MARK: Parts of values

  private static let dictionaryMethods: Set = [
    "items", "keys", "values", "get", "copy", "pop", "update", "clear", "setdefault", "popitem",
    "fromkeys",
  ]

  /// `owner.name`: in Python a method comes before an item of that name.
  func attribute(_ name: String, of owner: TemplateValue) throws -> TemplateValue {
    switch owner {
    case .undefined: throw failure("\(name.excerpt) is read from what is undefined")
    case .dictionary(let dictionary):
      if Self.dictionaryMethods.contains(name) { return .method(name) }
      return dictionary[name] ?? .undefined
    case .namespace(let space): return namespaces[space.index][name] ?? .undefined
    case .text: return Self.textMethods.contains(name) ? .method(name) : .undefined
    default: return .undefined
    }
  }

  func item(of owner: TemplateValue, at index: TemplateValue) throws -> TemplateValue {
    switch owner {
    case .undefined: throw failure("an item is read from what is undefined")
    case .dictionary(let dictionary):
      if let key = index.key, let found = dictionary[key] { return found }
      return try index.text.map { try attribute($0.text, of: owner) } ?? .undefined
    case .list, .text:
      guard let index = index.int else {
        return try index.text.map { try attribute($0.text, of: owner) } ?? .undefined
      }
      let count = owner.text?.count ?? owner.items?.count ?? 0
      let (place, overflows) = index < 0 ? count.addingReportingOverflow(index) : (index, false)
      guard !overflows, (0..<count).contains(place) else { return .undefined }
      return owner.text.map { .text([$0[place]]) } ?? owner.items?[place] ?? .undefined
    default: return try index.text.map { try attribute($0.text, of: owner) } ?? .undefined
    }
  }

  private mutating func slice(_ owner: TemplateValue, _ from: Int?, _ to: Int?, _ step: Int) throws
    -> TemplateValue
  {
    guard step != 0 else { throw failure("a slice's step is 0") }
    let count: Int
    switch owner {
    case .text(let text): count = text.count
    case .list(let list): count = list.items.count
    default: throw failure("\(owner.kind) cannot be sliced")
    }
    func clamped(_ bound: Int?, _ fallback: Int, _ low: Int, _ high: Int) -> Int {
      guard let bound else { return fallback }
      return min(max(bound < 0 ? bound &+ count : bound, low), high)
    }
    let start = step > 0 ? clamped(from, 0, 0, count) : clamped(from, count - 1, -1, count - 1)
    let end = step > 0 ? clamped(to, count, 0, count) : clamped(to, -1, -1, count - 1)
    var places: [Int] = []
    var place = start
    while step > 0 ? place < end : place > end {
      places.append(place)
      let (next, overflows) = place.addingReportingOverflow(step)
      if overflows { break }
      place = next
    }
    switch owner {
    case .text(let text): return try made(places.map { text[$0] })
    case .list(let list):
      return try self.list(places.map { list.items[$0] }, isTuple: list.isTuple)
    default: return .undefined
    }
  }

  // MARK: Calls

  private mutating func call(_ callee: TemplateExpression, _ arguments: TemplateArguments) throws
    -> TemplateValue
  {
    if case .attribute(let owner, let method) = callee {
      let owner = try value(owner)
      if case .name("loop") = callee.owner, ["cycle", "changed"].contains(method) {
        return try loopCall(method, owner, try values(arguments))
      }
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
    case let other: throw failure("\(other.kind) cannot be called")
    }
  }

  private func loopCall(_ method: String, _ state: TemplateValue, _ given: TemplateCall) throws
    -> TemplateValue
  {
    guard method == "cycle", case .dictionary(let loop) = state, let index = loop["index0"]?.int
    else { throw failure("loop.\(method) is not built") }
    guard !given.positional.isEmpty, given.named.isEmpty else {
      throw failure("loop.cycle needs values")
    }
    return given.positional[index % given.positional.count]
  }

  private mutating func function(_ name: String, _ given: TemplateCall) throws -> TemplateValue {
    switch name {
    case "raise_exception":
      let bound = try bind(given, ["message"], of: name)
      throw failure("the template refuses: \(bound["message"]?.shown.text ?? "")")
    case "strftime_now":
      let bound = try bind(given, ["format"], of: name)
      return TemplateValue(dateText(bound["format"]?.shown.text ?? ""))
    case "namespace":
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
      for pair in pairs.items ?? [] {
        guard let parts = pair.items, parts.count == 2, let key = parts[0].key else {
          throw failure("\(name) needs pairs of keys and values")
        }
        dictionary.set(parts[0], key, parts[1])
      }
      guard pairs.items != nil else { throw failure("\(name) cannot be made of \(pairs.kind)") }
    }
    for (key, value) in given.named { dictionary.set(key, value) }
    try spend(size: dictionary.members.count)
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
    return try list(numbers)
  }
}

extension TemplateExpression {
  /// What an attribute is read from.
  fileprivate var owner: TemplateExpression? {
    if case .attribute(let owner, _) = self { owner } else { nil }
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
    for (name, value) in call.named {
      guard names.contains(name) else {
        throw failure("\(what) has no argument \(name.excerpt), or it is not built")
      }
      guard bound.updateValue(value, forKey: name) == nil else {
        throw failure("\(what) is given \(name) twice")
      }
    }
    return bound
  }
}
