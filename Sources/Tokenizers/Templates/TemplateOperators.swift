// What operators do, as in Python.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension TemplateEvaluator {
  private var tooLarge: TemplateFailure { failure("a whole number becomes too large") }

  func signed(_ symbol: String, _ value: TemplateValue) throws -> TemplateValue {
    if symbol == "not" { return .bool(!value.isTrue) }
    if let number = value.int {
      let (result, overflows) = 0.subtractingReportingOverflow(number)
      if symbol == "-", overflows { throw tooLarge }
      return .integer(symbol == "-" ? result : number)
    }
    guard case .number(let number) = value else {
      throw failure("\(symbol) needs a number, not \(value.kind)")
    }
    return .number(symbol == "-" ? -number : number)
  }

  // MARK: Comparing

  func compare(_ symbol: String, _ a: TemplateValue, _ b: TemplateValue) throws -> Bool {
    switch symbol {
    case "==": return a.equals(b)
    case "!=": return !a.equals(b)
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

  private func contains(_ whole: TemplateValue, _ part: TemplateValue) throws -> Bool {
    switch whole {
    case .text(let text):
      guard let part = part.text else { throw failure("in needs a text, not \(part.kind)") }
      return text.range(of: part) != nil
    case .dictionary(let dictionary): return part.key.flatMap { dictionary[$0] } != nil
    case .list(let list): return list.items.contains { $0.equals(part) }
    case .undefined: return false
    default: throw failure("in needs a list, a text or a dictionary, not \(whole.kind)")
    }
  }

  /// Which comes first; none of the three for NaN.
  func order(_ a: TemplateValue, _ b: TemplateValue, _ symbol: String) throws -> (
    less: Bool, same: Bool, more: Bool
  ) {
    if let x = a.int, let y = b.int { return (x < y, x == y, x > y) }
    if let x = a.double, let y = b.double { return (x < y, x == y, x > y) }
    if let x = a.text, let y = b.text {
      let less = x.lexicographicallyPrecedes(y)
      return (less, x == y, !less && x != y)
    }
    if case .list(let x) = a, case .list(let y) = b, x.isTuple == y.isTuple {
      for (left, right) in zip(x.items, y.items) where !left.equals(right) {
        return try order(left, right, symbol)
      }
      let (m, n) = (x.items.count, y.items.count)
      return (m < n, m == n, m > n)
    }
    throw failure("\(symbol) cannot compare \(a.kind) with \(b.kind)")
  }

  // MARK: Arithmetic

  mutating func arithmetic(_ symbol: String, _ a: TemplateValue, _ b: TemplateValue) throws
    -> TemplateValue
  {
    if symbol == "~" { return try made(a.shown + b.shown) }
    if symbol == "+" {
      if let x = a.text, let y = b.text { return try made(x + y) }
      if case .list(let x) = a, case .list(let y) = b, x.isTuple == y.isTuple {
        return try list(x.items + y.items, isTuple: x.isTuple)
      }
    }
    if symbol == "*", let repeated = try repeated(a, b) ?? repeated(b, a) { return repeated }
    if let x = a.int, let y = b.int { return try whole(symbol, x, y) }
    guard let x = a.double, let y = b.double else {
      throw failure("\(symbol) cannot join \(a.kind) and \(b.kind)")
    }
    switch symbol {
    case "+": return .number(x + y)
    case "-": return .number(x - y)
    case "*": return .number(x * y)
    case "**": return try power(x, y)
    default:
      guard y != 0 else { throw failure("division by zero") }
      if symbol == "/" { return .number(x / y) }
      // Python's floor and remainder have the sign of the divisor.
      var rest = x.truncatingRemainder(dividingBy: y)
      if rest != 0, (rest < 0) != (y < 0) { rest += y }
      if symbol == "%" { return .number(rest == 0 ? (y < 0 ? -0.0 : 0.0) : rest) }
      return .number(((x - rest) / y).rounded())
    }
  }

  private mutating func repeated(_ value: TemplateValue, _ count: TemplateValue) throws
    -> TemplateValue?
  {
    guard let count = count.int.map({ max(0, $0) }) else { return nil }
    func times(_ size: Int) throws -> Int {
      let (total, overflows) = size.multipliedReportingOverflow(by: count)
      guard !overflows, total <= Self.mostSize else {
        throw failure("a repetition makes more than \(Self.mostSize) characters or items")
      }
      return total
    }
    switch value {
    case .text(let text):
      _ = try times(text.count)
      return try made(Array([Scalars](repeating: text, count: text.isEmpty ? 0 : count).joined()))
    case .list(let list):
      _ = try times(list.items.count)
      let copies = [[TemplateValue]](
        repeating: list.items, count: list.items.isEmpty ? 0 : count)
      return try self.list(Array(copies.joined()), isTuple: list.isTuple)
    default: return nil
    }
  }

  private func whole(_ symbol: String, _ x: Int, _ y: Int) throws -> TemplateValue {
    func exact(_ result: (partialValue: Int, overflow: Bool)) throws -> TemplateValue {
      guard !result.overflow else { throw tooLarge }
      return .integer(result.partialValue)
    }
    switch symbol {
    case "+": return try exact(x.addingReportingOverflow(y))
    case "-": return try exact(x.subtractingReportingOverflow(y))
    case "*": return try exact(x.multipliedReportingOverflow(by: y))
    case "**":
      guard y >= 0 else { return try power(Double(x), Double(y)) }
      var (result, base, left) = (1, x, y)
      while left > 0 {
        if left & 1 == 1 {
          let (product, overflows) = result.multipliedReportingOverflow(by: base)
          guard !overflows else { throw tooLarge }
          result = product
        }
        left >>= 1
        guard left > 0 else { break }
        let (square, overflows) = base.multipliedReportingOverflow(by: base)
        guard !overflows else { throw tooLarge }
        base = square
      }
      return .integer(result)
    default:
      guard y != 0 else { throw failure("division by zero") }
      if symbol == "/" { return .number(Double(x) / Double(y)) }
      // The one quotient that does not fit.
      if y == -1 { return symbol == "%" ? .integer(0) : try signed("-", .integer(x)) }
      var (quotient, remainder) = x.quotientAndRemainder(dividingBy: y)
      if remainder != 0, (remainder < 0) != (y < 0) {
        (quotient, remainder) = (quotient - 1, remainder + y)
      }
      return .integer(symbol == "%" ? remainder : quotient)
    }
  }
}

extension TemplateEvaluator {
  private func power(_ x: Double, _ y: Double) throws -> TemplateValue {
    guard x != 0 || y >= 0 else { throw failure("0 has no negative power") }
    let result = pow(x, y)
    guard !result.isNaN || x.isNaN || y.isNaN else { throw failure("this power is no real number") }
    guard result.isFinite || !x.isFinite || !y.isFinite else {
      throw failure("a power becomes too large")
    }
    return .number(result)
  }
}
