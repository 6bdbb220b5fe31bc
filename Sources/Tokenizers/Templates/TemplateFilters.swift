// The filters, tests and methods that templates use.
import Foundation

/// Jinja's filters and tests, and Python's methods, by name.
enum TemplateFilters {
  struct Arguments {
    var positional: [TemplateValue] = []
    var named: [String: TemplateValue] = [:]

    subscript(index: Int, name: String) -> TemplateValue? {
      index < positional.count ? positional[index] : named[name]
    }
  }

  typealias Failure = (String) -> TemplateFailure

  static func apply(
    _ name: String, to value: TemplateValue, _ arguments: Arguments, failure: Failure
  ) throws -> TemplateValue {
    func items() throws -> [TemplateValue] {
      guard let items = value.items else { throw failure("the filter \(name) needs a list") }
      return items
    }
    switch name {
    case "safe", "string": return .text(value.shown)
    case "trim", "upper", "lower", "capitalize", "title", "replace":
      let method = name == "trim" ? "strip" : name
      return try call(method, of: .text(value.shown), arguments, failure: failure)
    case "tojson":
      let indent = arguments[0, "indent"]?.int
      guard let text = value.json(indent: indent) else {
        throw failure("tojson cannot show what is undefined")
      }
      return .text(text)
    case "length", "count": return .integer(try items().count)
    case "default", "d":
      let fallback = arguments[0, "default_value"] ?? .text("")
      if case .undefined = value { return fallback }
      return arguments[1, "boolean"]?.isTrue == true && !value.isTrue ? fallback : value
    case "join":
      let parts = try arguments[1, "attribute"].map { attribute in
        try items().map { member($0, attribute.shown) }
      }
      return .text(
        try (parts ?? items()).map(\.shown).joined(separator: arguments[0, "d"]?.shown ?? ""))
    case "first": return try items().first ?? .undefined
    case "last": return try items().last ?? .undefined
    case "list": return .list(try items())
    case "reverse":
      let reversed = Array(try items().reversed())
      return value.string == nil ? .list(reversed) : .text(reversed.map(\.shown).joined())
    case "unique":
      return .list(
        try items().reduce(into: []) { kept, item in
          if !kept.contains(where: { $0.equals(item) }) { kept.append(item) }
        })
    case "int":
      return .integer(
        value.int ?? value.double.map { Int($0) } ?? value.string.flatMap {
          Int($0.trimmingCharacters(in: .whitespaces))
        } ?? arguments[0, "default"]?.int ?? 0)
    case "float": return .number(value.double ?? value.string.flatMap(Double.init) ?? 0)
    case "abs":
      if let whole = value.int { return .integer(Swift.abs(whole)) }
      return .number(Swift.abs(value.double ?? 0))
    case "indent":
      let space = String(repeating: " ", count: arguments[0, "width"]?.int ?? 4)
      let lines = value.shown.split(separator: "\n", omittingEmptySubsequences: false)
      let first = arguments[1, "first"]?.isTrue == true
      return .text(
        lines.enumerated().map { index, line in
          (index == 0 ? first : !line.isEmpty) ? space + line : String(line)
        }.joined(separator: "\n"))
    case "items", "dictsort":
      guard case .list(let pairs) = try call("items", of: value, Arguments(), failure: failure)
      else { return .list([]) }
      guard name == "dictsort" else { return .list(pairs) }
      func key(_ pair: TemplateValue) -> String { pair.items?.first?.shown.lowercased() ?? "" }
      return .list(pairs.sorted { key($0) < key($1) })
    case "map":
      if let attribute = arguments.named["attribute"]?.shown {
        return .list(try items().map { member($0, attribute) })
      }
      guard let filter = arguments.positional.first?.shown else {
        throw failure("map needs a filter")
      }
      let rest = Arguments(positional: Array(arguments.positional.dropFirst()))
      return .list(try items().map { try apply(filter, to: $0, rest, failure: failure) })
    case "selectattr", "rejectattr", "select", "reject":
      return .list(try selected(name, try items(), arguments, failure))
    default: throw failure("the filter \(name) is not built")
    }
  }

  private static func member(_ value: TemplateValue, _ name: String) -> TemplateValue {
    if case .dictionary(let dictionary) = value {
      dictionary[name] ?? .undefined
    } else {
      .undefined
    }
  }

  private static func selected(
    _ name: String, _ items: [TemplateValue], _ arguments: Arguments, _ failure: Failure
  ) throws -> [TemplateValue] {
    var rest = arguments.positional[...]
    let attribute = name.hasSuffix("attr") ? rest.popFirst()?.shown : nil
    let test = rest.popFirst()?.shown
    return try items.filter { item in
      let value = attribute.map { member(item, $0) } ?? item
      let holds =
        try test.map { try self.holds($0, of: value, Array(rest), failure: failure) }
        ?? value.isTrue
      return holds == name.hasPrefix("select")
    }
  }

  static func holds(
    _ name: String, of value: TemplateValue, _ arguments: [TemplateValue], failure: Failure
  ) throws -> Bool {
    switch (name, value) {
    case ("defined", .undefined): return false
    case ("defined", _): return true
    case ("undefined", .undefined): return true
    case ("none", .none): return true
    case ("string", .text): return true
    case ("boolean", .bool): return true
    case ("true", .bool(true)), ("false", .bool(false)): return true
    case ("integer", .integer): return true
    case ("float", .number): return true
    case ("number", .integer), ("number", .number), ("number", .bool): return true
    case ("mapping", .dictionary): return true
    case ("iterable", _), ("sequence", _):
      if case .undefined = value { return true }
      return value.items != nil
    case ("callable", .macro): return true
    case ("odd", _): return value.int.map { $0 % 2 != 0 } ?? false
    case ("even", _): return value.int.map { $0 % 2 == 0 } ?? false
    case ("divisibleby", _):
      guard let by = arguments.first?.int, by != 0 else { throw failure("division by zero") }
      return value.int.map { $0 % by == 0 } ?? false
    case ("eq", _), ("equalto", _), ("==", _): return arguments.first?.equals(value) ?? false
    case ("ne", _), ("!=", _): return !(arguments.first?.equals(value) ?? false)
    case ("in", _): return arguments.first?.items?.contains { $0.equals(value) } ?? false
    case ("undefined", _), ("none", _), ("string", _), ("boolean", _), ("true", _), ("false", _),
      ("integer", _), ("float", _), ("number", _), ("mapping", _), ("callable", _):
      return false
    default: throw failure("the test \(name) is not built")
    }
  }

  static func call(
    _ method: String, of value: TemplateValue, _ arguments: Arguments, failure: Failure
  ) throws -> TemplateValue {
    if case .dictionary(let dictionary) = value {
      switch method {
      case "items":
        return .list(dictionary.members.map { .list([.text($0.key), $0.value]) })
      case "keys": return .list(dictionary.members.map { .text($0.key) })
      case "values": return .list(dictionary.members.map(\.value))
      case "get":
        return dictionary[arguments[0, "key"]?.shown ?? ""] ?? arguments[1, "default"] ?? .none
      default: throw failure("dictionaries have no method \(method)")
      }
    }
    guard let text = value.string else {
      throw failure("the method \(method) is not built for this value")
    }
    func texts() -> [String] {
      guard let first = arguments.positional.first else { return [] }
      return first.string.map { [$0] } ?? first.items?.map(\.shown) ?? []
    }
    switch method {
    case "strip", "lstrip", "rstrip":
      return .text(
        stripped(
          text, arguments[0, "chars"]?.string, left: method != "rstrip", right: method != "lstrip"))
    case "startswith":
      return .bool(texts().contains { text.unicodeScalars.starts(with: $0.unicodeScalars) })
    case "endswith":
      return .bool(
        texts().contains {
          text.unicodeScalars.reversed().starts(with: $0.unicodeScalars.reversed())
        })
    case "upper": return .text(text.uppercased())
    case "lower": return .text(text.lowercased())
    case "title": return .text(text.capitalized)
    case "capitalize": return .text(text.prefix(1).uppercased() + text.dropFirst().lowercased())
    case "replace":
      guard let old = arguments[0, "old"]?.string, let new = arguments[1, "new"]?.string else {
        throw failure("replace needs two texts")
      }
      return .text(text.replacingOccurrences(of: old, with: new, options: .literal))
    case "split":
      guard let separator = arguments[0, "sep"]?.string else {
        return .list(
          text.split(whereSeparator: \.isWhitespace).map { .text(String($0)) })
      }
      let parts = text.components(separatedBy: separator)
      guard let most = arguments[1, "maxsplit"]?.int, most >= 0, parts.count > most + 1 else {
        return .list(parts.map { .text($0) })
      }
      let rest = parts[most...].joined(separator: separator)
      return .list(parts[..<most].map { .text($0) } + [.text(rest)])
    case "find":
      let place = text.range(of: texts().first ?? "").map {
        text.unicodeScalars.distance(from: text.startIndex, to: $0.lowerBound)
      }
      return .integer(place ?? -1)
    case "count":
      return .integer(text.components(separatedBy: texts().first ?? "").count - 1)
    default: throw failure("texts have no method \(method) here")
    }
  }

  /// A text without the given characters, or white space, at its ends.
  private static func stripped(_ text: String, _ characters: String?, left: Bool, right: Bool)
    -> String
  {
    func goes(_ scalar: Unicode.Scalar) -> Bool {
      characters.map { $0.unicodeScalars.contains(scalar) } ?? scalar.properties.isWhitespace
    }
    var rest = Substring(text).unicodeScalars
    while left, let first = rest.first, goes(first) { rest.removeFirst() }
    while right, let last = rest.last, goes(last) { rest.removeLast() }
    return String(rest)
  }
}
