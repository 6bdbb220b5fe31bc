// What a template says, given its input.
import Foundation

/// Runs a template. Bodies of loops and macros have scopes of their own; a namespace is shared. Steps, the size of
/// what is made, and depth have limits, so that every template ends.
struct TemplateEvaluator {
  private enum Flow { case goesOn, leavesLoop, nextItem }

  private var scopes: [[String: TemplateValue]]
  var namespaces: [TemplateValue.Dictionary] = []
  private var output: Scalars = []
  private var line = 1
  private var depth = 0
  private var steps = 0
  private var size = 0
  let dateText: (String) -> String

  /// What a template may take: evaluations, scalars and items that it makes, things within things.
  private static let mostSteps = 2_000_000
  static let mostSize = 1 << 25
  private static let deepest = 250
  static let deepestValue = 300

  /// `dateText` gives the present time in a format of `strftime`.
  static func render(
    _ nodes: [TemplateNode], _ input: [String: TemplateValue],
    dateText: @escaping (String) -> String
  ) throws -> String {
    var evaluator = TemplateEvaluator(scopes: [input], dateText: dateText)
    _ = try evaluator.run(nodes)
    return evaluator.output.text
  }

  private init(scopes: [[String: TemplateValue]], dateText: @escaping (String) -> String) {
    self.scopes = scopes
    self.dateText = dateText
  }

  func failure(_ reason: String) -> TemplateFailure { TemplateFailure(reason, line: line) }

  // MARK: Limits

  mutating func spend(steps count: Int) throws {
    steps += count
    guard steps <= Self.mostSteps else {
      throw failure("the template takes more than \(Self.mostSteps) steps")
    }
  }

  /// Counts scalars or items that are about to be made.
  mutating func spend(size count: Int) throws {
    let (sum, overflows) = size.addingReportingOverflow(count)
    guard !overflows, count >= 0, sum <= Self.mostSize else {
      throw failure("the template makes more than \(Self.mostSize) characters")
    }
    size = sum
  }

  mutating func deeper<T>(_ body: (inout TemplateEvaluator) throws -> T) throws -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else {
      throw failure(
        "more than \(Self.deepest) calls lie within each other: perhaps a macro calls itself without end"
      )
    }
    return try body(&self)
  }

  mutating func list(_ items: [TemplateValue], isTuple: Bool = false) throws -> TemplateValue {
    try spend(size: items.count)
    let list = TemplateValue.List(items, isTuple: isTuple)
    guard list.depth <= Self.deepestValue else { throw tooDeep }
    return .list(list)
  }

  func checked(_ dictionary: TemplateValue.Dictionary) throws -> TemplateValue {
    guard dictionary.depth <= Self.deepestValue else { throw tooDeep }
    return .dictionary(dictionary)
  }

  private var tooDeep: TemplateFailure {
    failure("values lie within each other deeper than \(Self.deepestValue)")
  }

  mutating func made(_ text: Scalars) throws -> TemplateValue {
    try spend(size: text.count)
    return .text(text)
  }

  // MARK: Statements

  private mutating func run(_ nodes: [TemplateNode]) throws -> Flow {
    for node in nodes {
      try spend(steps: 1)
      switch node {
      case .text(let text):
        let scalars = Scalars(text)
        try spend(size: scalars.count)
        output += scalars
      case .output(let expression, let line):
        self.line = line
        let shown = try value(expression).shown
        try spend(size: shown.count)
        output += shown
      case .condition(let branches, let otherwise, let line):
        self.line = line
        let body = try branches.first { try value($0.test).isTrue }?.body ?? otherwise
        let flow = try deeper { try $0.run(body) }
        if flow != .goesOn { return flow }
      case .loop(let names, let items, let filter, let body, let otherwise, let line):
        self.line = line
        let flow = try deeper { try $0.loop(names, items, filter, body, otherwise) }
        if flow != .goesOn { return flow }
      case .set(let targets, let expression, let line):
        self.line = line
        try set(targets, to: try value(expression))
      case .setBlock(let target, let filters, let body, let line):
        self.line = line
        var text = TemplateValue.text(try captured { try $0.run(body) })
        for filter in filters {
          text = try apply(filter.name, to: text, try values(filter.arguments))
        }
        try set([target], to: text)
      case .macro(let macro): scopes[scopes.count - 1][macro.name] = .macro(macro)
      case .leaveLoop: return .leavesLoop
      case .nextItem: return .nextItem
      }
    }
    return .goesOn
  }

  /// What a part of the template writes.
  private mutating func captured(_ body: (inout TemplateEvaluator) throws -> Flow) throws -> Scalars
  {
    let before = output
    output = []
    defer { output = before }
    _ = try deeper(body)
    return output
  }

  private mutating func set(_ targets: [TemplateExpression], to value: TemplateValue) throws {
    guard targets.count > 1 else { return try set(targets[0], to: value) }
    guard let parts = value.items, parts.count == targets.count else {
      throw failure("what is set has not \(targets.count) parts")
    }
    for (target, part) in zip(targets, parts) { try set(target, to: part) }
  }

  private mutating func set(_ target: TemplateExpression, to value: TemplateValue) throws {
    switch target {
    case .name(let name): scopes[scopes.count - 1][name] = value
    case .attribute(let owner, let name):
      guard case .namespace(let space) = try self.value(owner) else {
        throw failure("only a namespace's names can be set from within")
      }
      namespaces[space.index].set(name, value)
    default: throw failure("this cannot be set")
    }
  }

  private mutating func loop(
    _ names: [String], _ expression: TemplateExpression, _ filter: TemplateExpression?,
    _ body: [TemplateNode], _ otherwise: [TemplateNode]
  ) throws -> Flow {
    let source = try value(expression)
    guard var items = source.items else { throw failure("\(source.kind) has no items") }
    try spend(size: items.count)
    let outer = scopes
    scopes.append([:])
    // Whatever ends the loop, an error among it, leaves the scopes as they were.
    defer { scopes.removeLast(max(0, scopes.count - outer.count)) }
    func bound(_ item: TemplateValue) throws -> [String: TemplateValue] {
      if names.count == 1 { return [names[0]: item] }
      guard let parts = item.items, parts.count == names.count else {
        throw failure("an item has not \(names.count) parts")
      }
      return Dictionary(zip(names, parts)) { $1 }
    }
    if let filter {
      var kept: [TemplateValue] = []
      for item in items {
        try spend(steps: 1)
        scopes[scopes.count - 1] = try bound(item)
        if try value(filter).isTrue { kept.append(item) }
      }
      items = kept
    }
    if items.isEmpty {
      scopes[scopes.count - 1] = [:]
      return try run(otherwise)
    }
    for (index, item) in items.enumerated() {
      try spend(steps: 10)
      var scope = try bound(item)
      scope["loop"] = .dictionary(state(index, items))
      scopes[scopes.count - 1] = scope
      if try run(body) == .leavesLoop { break }
    }
    return .goesOn
  }

  /// What a loop's body knows of it.
  private func state(_ index: Int, _ items: [TemplateValue]) -> TemplateValue.Dictionary {
    var state = TemplateValue.Dictionary()
    state.set("index0", .integer(index))
    state.set("index", .integer(index + 1))
    state.set("first", .bool(index == 0))
    state.set("last", .bool(index == items.count - 1))
    state.set("length", .integer(items.count))
    state.set("revindex", .integer(items.count - index))
    state.set("revindex0", .integer(items.count - index - 1))
    // Only recursive loops, which are not built, are deeper.
    state.set("depth", .integer(1))
    state.set("depth0", .integer(0))
    state.set("previtem", index > 0 ? items[index - 1] : .undefined)
    state.set("nextitem", index + 1 < items.count ? items[index + 1] : .undefined)
    return state
  }

  // MARK: Names and macros

  /// Functions that every template knows.
  private static let functions: Set = [
    "raise_exception", "strftime_now", "range", "namespace", "dict", "lipsum", "cycler", "joiner",
  ]

  func known(_ name: String) -> TemplateValue {
    if let value = scopes.last(where: { $0[name] != nil })?[name] { return value }
    return Self.functions.contains(name) ? .function(name) : .undefined
  }

  mutating func note(line: Int) { self.line = line }

  /// The text of a macro for some arguments.
  mutating func expand(_ macro: TemplateMacro, _ given: TemplateCall) throws -> TemplateValue {
    let names = macro.parameters.map(\.name)
    let bound = try bind(given, names, of: "the macro \(macro.name)")
    let outer = scopes
    scopes = [outer[0], [:]]
    defer { scopes = outer }
    for parameter in macro.parameters {
      scopes[1][parameter.name] =
        try bound[parameter.name] ?? parameter.value.map { try value($0) } ?? .undefined
    }
    return .text(try captured { try $0.run(macro.body) })
  }
}
