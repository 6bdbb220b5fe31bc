// Filters on lists.

extension TemplateEvaluator {
  mutating func applyToItems(_ name: String, _ value: TemplateValue, _ given: TemplateCall) throws
    -> TemplateValue
  {
    func bound(_ names: [String]) throws -> [String: TemplateValue] {
      try bind(given, names, of: "the filter \(name)")
    }
    switch name {
    case "join":
      let names = try bound(["d", "attribute"])
      var parts: [Scalars] = []
      for item in try items(of: value, name) {
        let part = try shown(try attribute(names["attribute"], of: item))
        if item.text == nil { try spend(size: part.count) }
        parts.append(part)
      }
      return try join(parts, try names["d"].map { try shown($0) } ?? [])
    case "first":
      _ = try bound([])
      return try items(of: value, name).first ?? .undefined
    case "last":
      _ = try bound([])
      if case .list(let list) = value, list.isGenerator {
        throw failure("a generator has no last item: | list makes it a list, which has")
      }
      return try items(of: value, name).last ?? .undefined
    case "list":
      _ = try bound([])
      return try list(try items(of: value, name))
    case "reverse":
      _ = try bound([])
      if let text = value.text { return try made(text.reversed()) }
      return try generator(try items(of: value, name).reversed())
    case "unique":
      let names = try bound(["case_sensitive", "attribute"])
      var seen: Set<TemplateValue.Key> = []
      var kept: [TemplateValue] = []
      for item in try items(of: value, name) {
        let own = try folded(try attribute(names["attribute"], of: item), names["case_sensitive"])
        guard let key = try key(own) else {
          throw failure("the filter unique cannot compare \(own.kind)")
        }
        try spend(size: Self.memberSize)
        if seen.insert(key).inserted { kept.append(item) }
      }
      return try generator(kept)
    case "sort":
      let names = try bound(["reverse", "case_sensitive", "attribute"])
      return try list(
        try sorted(try items(of: value, name), isReversed: names["reverse"]?.isTrue == true, names))
    case "min", "max":
      let names = try bound(["case_sensitive", "attribute"])
      return try sorted(try items(of: value, name), isReversed: name == "max", names).first
        ?? .undefined
    case "sum":
      let names = try bound(["attribute", "start"])
      var sum = names["start"] ?? .integer(0)
      guard sum.text == nil else { throw failure("the filter sum cannot join texts") }
      for item in try items(of: value, name) {
        let part = try attribute(names["attribute"], of: item)
        let left = sum
        sum = try arithmetic("+", left, part)
      }
      return sum
    case "items":
      _ = try bound([])
      if value.isUndefined { return try generator([]) }
      guard case .dictionary = value else { throw failure("the filter items needs a dictionary") }
      let pairs = try call("items", of: value, TemplateCall())
      return try generator(try items(of: pairs, name))
    case "dictsort":
      return try dictionarySorted(value, try bound(["case_sensitive", "by", "reverse"]))
    case "map": return try mapped(value, given)
    case "select", "reject", "selectattr", "rejectattr": return try selected(name, value, given)
    default: throw failure("the filter \(name.excerpt) is not built")
    }
  }

  private mutating func items(of value: TemplateValue, _ name: String) throws -> [TemplateValue] {
    guard let items = try items(of: value) else {
      throw failure("the filter \(name) needs a list, not \(value.kind)")
    }
    return items
  }

  /// What filters compare: texts in one case, unless told otherwise.
  private mutating func folded(_ value: TemplateValue, _ isCaseSensitive: TemplateValue?) throws
    -> TemplateValue
  {
    guard isCaseSensitive?.isTrue != true, let text = value.text else { return value }
    return try cased("lower", text)
  }

  /// An attribute by its path, such as `a.b.0`; without one the value itself.
  private mutating func attribute(_ path: TemplateValue?, of value: TemplateValue) throws
    -> TemplateValue
  {
    guard let path, !path.isNone else { return value }
    if path.int != nil { return try item(of: value, at: path) }
    guard let text = path.text else { throw failure("an attribute is a text or a whole number") }
    try spend(work: text.count)
    var found = value
    for part in text.split(at: ["."], atMost: .max) {
      let index = part.text.utf8.allSatisfy { (48...57).contains($0) } ? Int(part.text) : nil
      found = try item(of: found, at: index.map { .integer($0) } ?? .text(part))
    }
    return found
  }

  /// Items in order of an attribute, or of themselves; equal ones as they were.
  private mutating func sorted(
    _ items: [TemplateValue], isReversed: Bool, _ names: [String: TemplateValue]
  ) throws -> [TemplateValue] {
    // Several attributes, with commas between them, are compared one after the other.
    let paths =
      names["attribute"]?.text?.split(at: [","], atMost: 100).map { .text($0) }
      ?? [names["attribute"] ?? TemplateValue.none]
    var keys: [TemplateValue] = []
    for item in items {
      var key: [TemplateValue] = []
      for path in paths {
        key.append(try folded(try attribute(path, of: item), names["case_sensitive"]))
      }
      keys.append(try list(key))
    }
    try spend(size: items.count, each: Self.itemSize)
    let order = try items.indices.sorted { a, b in
      try spend(work: 8)
      let found = try self.order(keys[a], keys[b], "sort")
      if isReversed ? found.more : found.less { return true }
      return (isReversed ? found.less : found.more) ? false : a < b
    }
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
    var names = names
    names["attribute"] = .integer(by == "key" ? 0 : 1)
    return try list(
      try sorted(pairs.items, isReversed: names["reverse"]?.isTrue == true, names))
  }

  /// The items of a list; nothing has none where, as in Jinja, what is false is not looked into.
  private mutating func lookedInto(_ value: TemplateValue, _ name: String) throws
    -> [TemplateValue]
  {
    try value.isTrue ? items(of: value, name) : []
  }

  private mutating func mapped(_ value: TemplateValue, _ given: TemplateCall) throws
    -> TemplateValue
  {
    var results: [TemplateValue] = []
    if given.positional.isEmpty {
      let names = try bind(given, ["attribute", "default"], of: "the filter map")
      guard let path = names["attribute"] else { throw failure("the filter map needs a filter") }
      for item in try lookedInto(value, "map") {
        let found = try attribute(path, of: item)
        results.append(found.isUndefined ? names["default"] ?? found : found)
      }
      return try generator(results)
    }
    guard let filter = given.positional[0].text?.text else {
      throw failure("the filter map needs the name of a filter")
    }
    let rest = TemplateCall(positional: Array(given.positional.dropFirst()), named: given.named)
    for item in try lookedInto(value, "map") {
      results.append(try deeper { try $0.apply(filter, to: item, rest) })
    }
    return try generator(results)
  }

  private mutating func selected(
    _ name: String, _ value: TemplateValue, _ given: TemplateCall
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
    let testName = test?.text?.text
    var kept: [TemplateValue] = []
    for item in try lookedInto(value, name) {
      try spend(steps: 1)
      let value = try path.map { try attribute($0, of: item) } ?? item
      let holds =
        try testName.map {
          try self.holds($0, of: value, TemplateCall(positional: Array(rest)))
        } ?? value.isTrue
      if holds == name.hasPrefix("select") { kept.append(item) }
    }
    return try generator(kept)
  }
}
