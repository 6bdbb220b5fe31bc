// How values compare, what keys they are, which items they have.

extension TemplateEvaluator {
  // MARK: Reading

  /// How `{{ value }}` shows it.
  func shown(_ value: TemplateValue) throws -> Scalars {
    if let text = value.text { return text }
    if case .list(let list) = value, list.isGenerator {
      throw failure("a generator has no text: | list makes it a list, and | join a text")
    }
    var out: Scalars = []
    guard value.represent(into: &out, limit: sizeLeft) else {
      throw failure("the template makes more characters than it may")
    }
    return value.isUndefined ? [] : out
  }

  /// What a loop visits: items, keys, characters; nil where it visits nothing.
  mutating func items(of value: TemplateValue) throws -> [TemplateValue]? {
    switch value {
    case .undefined: return []
    case .list(let list):
      if case .generator(let number) = list.kind {
        guard !readGenerators[number] else {
          throw failure("a generator is read twice: | list makes it a list, which can be")
        }
        readGenerators[number] = true
      }
      return list.items
    case .dictionary(let dictionary):
      try spend(size: dictionary.members.count, each: Self.itemSize)
      return dictionary.members.map(\.key)
    case .text(let text):
      try spend(size: text.count, each: Self.itemSize)
      // Characters beyond ASCII have memory of their own.
      try spend(size: text.count { !$0.isASCII }, each: Self.textSize)
      return text.map { TemplateValue($0) }
    default: return nil
    }
  }

  /// What a value is as a key; nil where Python would not take it.
  mutating func key(_ value: TemplateValue) throws -> TemplateValue.Key? {
    switch value {
    case .text(let text):
      try spend(work: text.count)
      return .text(text)
    case .bool(let flag): return .integer(flag ? 1 : 0)
    case .integer(let number): return .integer(number)
    case .number(let number):
      return Int(exactly: number).map(TemplateValue.Key.integer) ?? .number(number)
    case .none: return TemplateValue.Key.none
    case .list(let list) where list.kind == .tuple:
      try spend(work: Self.memberSize)
      try spend(size: Self.memberSize)
      try spend(size: list.items.count, each: Self.itemSize)
      var keys: [TemplateValue.Key] = []
      for item in list.items {
        guard let key = try key(item) else { return nil }
        keys.append(key)
      }
      return .tuple(keys)
    default: return nil
    }
  }

  // MARK: Comparing

  /// Python's `==`.
  mutating func equal(_ a: TemplateValue, _ b: TemplateValue) throws -> Bool {
    switch (a, b) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.text(let x), .text(let y)):
      guard x.count == y.count else { return false }
      try spend(work: x.count)
      return x == y
    case (.list(let x), .list(let y)):
      guard Self.areComparable(x.kind, y.kind), x.items.count == y.items.count else { return false }
      for (left, right) in zip(x.items, y.items) {
        try spend(work: 4)
        guard try equal(left, right) else { return false }
      }
      return true
    case (.dictionary(let x), .dictionary(let y)):
      guard x.members.count == y.members.count else { return false }
      for member in x.members {
        try spend(work: 8)
        guard let key = try key(member.key), let other = y[key], try equal(member.value, other)
        else { return false }
      }
      return true
    case (.namespace(let x), .namespace(let y)): return x.index == y.index
    default:
      if let x = a.int, let y = b.int { return x == y }
      guard let x = a.double, let y = b.double else { return false }
      // A whole number has more digits than a floating-point one can tell.
      if x == y, let whole = a.int ?? b.int { return Int(exactly: a.int == nil ? x : y) == whole }
      return x == y
    }
  }

  private static func areComparable(_ a: TemplateValue.List.Kind, _ b: TemplateValue.List.Kind)
    -> Bool
  {
    switch (a, b) {
    case (.list, .list), (.tuple, .tuple), (.range, .range): true
    case (.view(let x), .view(let y)): x == y
    case (.generator(let x), .generator(let y)): x == y
    default: false
    }
  }

  mutating func compare(_ symbol: String, _ a: TemplateValue, _ b: TemplateValue) throws -> Bool {
    switch symbol {
    case "==": return try equal(a, b)
    case "!=": return !(try equal(a, b))
    case "in": return try contains(b, a)
    case "not in": return !(try contains(b, a))
    default:
      let order = try order(a, b, symbol)
      switch symbol {
      case "<": return order.less
      case "<=": return order.less || order.same
      case ">": return order.more
      default: return order.more || order.same
      }
    }
  }

  private mutating func contains(_ whole: TemplateValue, _ part: TemplateValue) throws -> Bool {
    switch whole {
    case .text(let text):
      guard let part = part.text else { throw failure("in needs a text, not \(part.kind)") }
      try spend(work: text.count)
      return text.range(of: part) != nil
    case .dictionary(let dictionary):
      if part.isUndefined { return false }
      guard let key = try key(part) else { throw failure("\(part.kind) cannot be a key") }
      return dictionary[key] != nil
    case .list, .undefined:
      for item in try items(of: whole) ?? [] {
        try spend(work: 4)
        if try equal(item, part) { return true }
      }
      return false
    default: throw failure("in needs a list, a text or a dictionary, not \(whole.kind)")
    }
  }

  /// Which comes first; none of the three for NaN.
  mutating func order(_ a: TemplateValue, _ b: TemplateValue, _ symbol: String) throws -> (
    less: Bool, same: Bool, more: Bool
  ) {
    if let x = a.int, let y = b.int { return (x < y, x == y, x > y) }
    if let x = a.double, let y = b.double { return (x < y, x == y, x > y) }
    if let x = a.text, let y = b.text {
      let most = min(x.count, y.count)
      let place = (0..<most).first { x[$0] != y[$0] } ?? most
      try spend(work: place)
      if place < most { return (x[place] < y[place], false, x[place] > y[place]) }
      return (x.count < y.count, x.count == y.count, x.count > y.count)
    }
    if case .list(let x) = a, case .list(let y) = b, x.kind == y.kind,
      x.kind == .list || x.kind == .tuple
    {
      for (left, right) in zip(x.items, y.items) {
        try spend(work: 4)
        if !(try equal(left, right)) { return try order(left, right, symbol) }
      }
      let (m, n) = (x.items.count, y.items.count)
      return (m < n, m == n, m > n)
    }
    throw failure("\(symbol) cannot compare \(a.kind) with \(b.kind)")
  }
}
