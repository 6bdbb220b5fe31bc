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

  // MARK: Arithmetic

  mutating func arithmetic(_ symbol: String, _ a: TemplateValue, _ b: TemplateValue) throws
    -> TemplateValue
  {
    if symbol == "~" {
      let (x, y) = (try shown(a), try shown(b))
      try spend(size: x.count + y.count)
      return .text(x + y)
    }
    if symbol == "+" {
      if let x = a.text, let y = b.text {
        try spend(size: x.count + y.count)
        return .text(x + y)
      }
      if case .list(let x) = a, case .list(let y) = b, x.kind == y.kind,
        x.kind == .list || x.kind == .tuple
      {
        return try list(x.items + y.items, x.kind)
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
    switch value {
    case .text(let text):
      try spend(size: text.count, each: count)
      return .text(Self.copies(of: text, count))
    case .list(let list) where list.kind == .list || list.kind == .tuple:
      try spend(size: list.items.count * Self.itemSize, each: count)
      return .list(.init(Self.copies(of: list.items, count), list.kind))
    default: return nil
    }
  }

  private static func copies<T>(of items: [T], _ count: Int) -> [T] {
    var all: [T] = []
    guard !items.isEmpty else { return all }
    all.reserveCapacity(items.count * count)
    for _ in 0..<count { all += items }
    return all
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
