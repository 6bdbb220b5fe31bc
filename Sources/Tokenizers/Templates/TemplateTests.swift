// The tests that templates ask values for: `value is test`.

extension TemplateEvaluator {
  /// How many arguments each test takes.
  private static let tests: [String: Int] = [
    "defined": 0, "undefined": 0, "none": 0, "string": 0, "boolean": 0, "true": 0, "false": 0,
    "integer": 0, "float": 0, "number": 0, "mapping": 0, "iterable": 0, "sequence": 0,
    "callable": 0, "odd": 0, "even": 0, "lower": 0, "upper": 0, "escaped": 0, "divisibleby": 1,
    "eq": 1, "equalto": 1, "==": 1, "ne": 1, "!=": 1, "lt": 1, "lessthan": 1, "<": 1, "le": 1,
    "<=": 1, "gt": 1, "greaterthan": 1, ">": 1, "ge": 1, ">=": 1, "in": 1, "sameas": 1,
  ]

  mutating func holds(_ name: String, of value: TemplateValue, _ given: TemplateCall) throws -> Bool
  {
    guard let count = Self.tests[name] else {
      throw failure("the test \(name.excerpt) is not built")
    }
    guard given.named.isEmpty, given.positional.count == count else {
      throw failure("the test \(name) takes \(count == 0 ? "no argument" : "one argument")")
    }
    let other = given.positional.first ?? .undefined
    switch name {
    case "defined": return !value.isUndefined
    case "undefined": return value.isUndefined
    case "none": return value.isNone
    case "string": return value.text != nil
    case "true": if case .bool(true) = value { return true } else { return false }
    case "false": if case .bool(false) = value { return true } else { return false }
    case "boolean": if case .bool = value { return true } else { return false }
    case "integer": if case .integer = value { return true } else { return false }
    case "float": if case .number = value { return true } else { return false }
    case "number": return value.double != nil
    case "mapping": if case .dictionary = value { return true } else { return false }
    case "iterable": return value.itemCount != nil
    case "sequence":
      if case .list(let list) = value { return list.hasPlaces }
      return value.itemCount != nil
    case "callable":
      switch value {
      // Jinja's undefined and its loops can be called, to fail.
      case .macro, .function, .method, .undefined, .loop: return true
      default: return false
      }
    case "escaped": return false
    case "odd", "even":
      let rest = try remainder(value, 2, name)
      return rest == (name == "odd" ? 1 : 0)
    case "divisibleby":
      guard let by = other.int else { throw failure("divisibleby needs a whole number") }
      guard by != 0 else { throw failure("division by zero") }
      return try remainder(value, by, name) == 0
    case "lower", "upper":
      let text = try shown(value)
      try spend(work: text.count * 4)
      return name == "lower"
        ? text.contains(where: \.properties.isLowercase)
          && !text.contains { $0.properties.isUppercase }
        : text.contains(where: \.properties.isUppercase)
          && !text.contains { $0.properties.isLowercase }
    case "eq", "equalto", "==": return try equal(value, other)
    case "ne", "!=": return !(try equal(value, other))
    case "lt", "lessthan", "<": return try compare("<", value, other)
    case "le", "<=": return try compare("<=", value, other)
    case "gt", "greaterthan", ">": return try compare(">", value, other)
    case "ge", ">=": return try compare(">=", value, other)
    case "in": return try compare("in", value, other)
    default:
      // "sameas": what Python keeps once is the same where it is equal in kind and value.
      return try value.kind == other.kind && equal(value, other)
    }
  }

  private func remainder(_ value: TemplateValue, _ by: Int, _ name: String) throws -> Int {
    if let number = value.int {
      // The one quotient that does not fit has the remainder 0.
      let rest = by == -1 ? 0 : number % by
      return rest < 0 && by > 0 ? rest + by : rest
    }
    guard case .number(let number) = value else {
      throw failure("the test \(name) needs a number, not \(value.kind)")
    }
    let rest = number.truncatingRemainder(dividingBy: Double(by))
    return rest == 0 ? 0 : rest == 1 || rest == 1 - Double(by) ? 1 : 2
  }
}
