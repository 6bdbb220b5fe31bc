// Filters on lists.

extension TemplateEvaluator {
  mutating func applyToItems(_ name: String, _ value: TemplateValue, _ given: TemplateCall) throws
    -> TemplateValue
  {
    func bound(_ names: [String]) throws -> [String: TemplateValue] {
      try bind(given, names, of: "the filter \(name)")
    }
    func items() throws -> [TemplateValue] {
      guard let items = value.items else {
        throw failure("the filter \(name) needs a list, not \(value.kind)")
      }
      return items
    }
    switch name {
    case "join":
      let names = try bound(["d", "attribute"])
      let parts = try items().map { try attribute(names["attribute"], of: $0) }
      return try join(parts.map(\.shown), names["d"]?.shown ?? [])
    case "first":
      _ = try bound([])
      return try items().first ?? .undefined
    case "last":
      _ = try bound([])
      return try items().last ?? .undefined
    case "list":
      _ = try bound([])
      return try list(try items())
    case "reverse":
      _ = try bound([])
      if let text = value.text { return try made(text.reversed()) }
      return try list(try items().reversed())
    case "unique":
      let names = try bound(["case_sensitive", "attribute"])
      var kept: [(item: TemplateValue, key: TemplateValue)] = []
      for item in try items() {
        try spend(steps: 1 + kept.count / 8)
        let own = folded(try attribute(names["attribute"], of: item), names["case_sensitive"])
        if !kept.contains(where: { $0.key.equals(own) }) { kept.append((item, own)) }
      }
      return try list(kept.map(\.item))
    case "sort":
      let names = try bound(["reverse", "case_sensitive", "attribute"])
      return try list(
        try sorted(
          try items(), isReversed: names["reverse"]?.isTrue == true,
          by: { evaluator, item in
            evaluator.folded(
              try evaluator.attribute(names["attribute"], of: item), names["case_sensitive"])
          }))
    case "min", "max":
      let names = try bound(["case_sensitive", "attribute"])
      let ordered = try sorted(try items(), isReversed: name == "max") { evaluator, item in
        evaluator.folded(
          try evaluator.attribute(names["attribute"], of: item), names["case_sensitive"])
      }
      return ordered.first ?? .undefined
    case "sum":
      let names = try bound(["attribute", "start"])
      return try items().reduce(names["start"] ?? .integer(0)) { sum, item in
        try arithmetic("+", sum, try attribute(names["attribute"], of: item))
      }
    case "items":
      _ = try bound([])
      if value.isUndefined { return try list([]) }
      guard case .dictionary = value else { throw failure("the filter items needs a dictionary") }
      return try call("items", of: value, TemplateCall())
    case "dictsort":
      return try dictionarySorted(value, try bound(["case_sensitive", "by", "reverse"]))
    case "map": return try mapped(try items(), given)
    case "select", "reject", "selectattr", "rejectattr":
      return try selected(name, try items(), given)
    default: throw failure("the filter \(name.excerpt) is not built")
    }
  }

  /// What filters compare: texts in one case, unless told otherwise.
  private func folded(_ value: TemplateValue, _ isCaseSensitive: TemplateValue?) -> TemplateValue {
    guard isCaseSensitive?.isTrue != true, let text = value.text else { return value }
    return .text(text.lowercased())
  }

  /// An attribute by its path, such as `a.b.0`; without one the value itself.
  private func attribute(_ path: TemplateValue?, of value: TemplateValue) throws -> TemplateValue {
    guard let path, !path.isNone else { return value }
    if let index = path.int { return try item(of: value, at: .integer(index)) }
    return try path.shown.text.split(separator: ".").reduce(value) { owner, part in
      if let index = Int(part) { return try item(of: owner, at: .integer(index)) }
      return try item(of: owner, at: TemplateValue(String(part)))
    }
  }

  /// Items by their keys, equal ones in their order.
  private mutating func sorted(
    _ items: [TemplateValue], isReversed: Bool,
    by key: (inout TemplateEvaluator, TemplateValue) throws -> TemplateValue
  ) throws -> [TemplateValue] {
    try spend(steps: items.count * 4)
    let keys = try items.map { try key(&self, $0) }
    var failed: (any Error)?
    let order = items.indices.sorted { a, b in
      do {
        let found = try self.order(keys[a], keys[b], "sort")
        if isReversed ? found.more : found.less { return true }
        return (isReversed ? found.less : found.more) ? false : a < b
      } catch {
        failed = failed ?? error
        return a < b
      }
    }
    if let failed { throw failed }
    return order.map { items[$0] }
  }

  private mutating func dictionarySorted(
    _ value: TemplateValue, _ names: [String: TemplateValue]
  ) throws -> TemplateValue {
    guard case .dictionary = value else { throw failure("the filter dictsort needs a dictionary") }
    let by = names["by"]?.text?.text ?? "key"
    guard ["key", "value"].contains(by) else {
      throw failure("the filter dictsort sorts by key or value")
    }
    guard case .list(let pairs) = try call("items", of: value, TemplateCall()) else {
      return value
    }
    return try list(
      try sorted(pairs.items, isReversed: names["reverse"]?.isTrue == true) { evaluator, pair in
        let part = try evaluator.item(of: pair, at: .integer(by == "key" ? 0 : 1))
        return evaluator.folded(part, names["case_sensitive"])
      })
  }

  private mutating func mapped(_ items: [TemplateValue], _ given: TemplateCall) throws
    -> TemplateValue
  {
    if given.positional.isEmpty {
      let names = try bind(given, ["attribute", "default"], of: "the filter map")
      guard let path = names["attribute"] else { throw failure("the filter map needs a filter") }
      return try list(
        try items.map { item in
          let found = try attribute(path, of: item)
          return found.isUndefined ? names["default"] ?? found : found
        })
    }
    guard let filter = given.positional[0].text?.text else {
      throw failure("the filter map needs the name of a filter")
    }
    let rest = TemplateCall(positional: Array(given.positional.dropFirst()), named: given.named)
    var results: [TemplateValue] = []
    for item in items { results.append(try deeper { try $0.apply(filter, to: item, rest) }) }
    return try list(results)
  }

  private mutating func selected(
    _ name: String, _ items: [TemplateValue], _ given: TemplateCall
  ) throws -> TemplateValue {
    var rest = given.positional[...]
    guard given.named.isEmpty else {
      throw failure("the filter \(name) has no argument \(given.named[0].name.excerpt)")
    }
    let isByAttribute = name.hasSuffix("attr")
    let path = isByAttribute ? rest.popFirst() : nil
    guard !isByAttribute || path != nil else { throw failure("the filter \(name) needs a name") }
    let test = rest.popFirst()
    guard test == nil || test?.text != nil else { throw failure("\(name) needs a test's name") }
    var kept: [TemplateValue] = []
    for item in items {
      try spend(steps: 1)
      let value = try path.map { try attribute($0, of: item) } ?? item
      let holds =
        try test?.text.map { test in
          try self.holds(test.text, of: value, TemplateCall(positional: Array(rest)))
        } ?? value.isTrue
      if holds == name.hasPrefix("select") { kept.append(item) }
    }
    return try list(kept)
  }
}
