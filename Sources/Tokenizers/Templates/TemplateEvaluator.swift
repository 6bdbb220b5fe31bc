// What a template says, given its input.
import Foundation

/// Runs a template. Bodies of loops and macros have scopes of their own; a namespace is shared. Work, the size
/// of what is made, and depth have limits, so that every template ends.
struct TemplateEvaluator {
  private enum Flow { case goesOn, leavesLoop, nextItem }

  private var scopes: [[String: TemplateValue]]
  var namespaces: [TemplateValue.Dictionary] = []
  /// What `loop.changed` saw last in each loop that runs.
  var lastSeen: [[TemplateValue]?] = []
  /// Which generators have been read.
  var readGenerators: [Bool] = []
  private var output: Scalars = []
  private(set) var line = 1
  private var depth = 0
  private var work = 0
  private var size = 0
  let dateText: (String) -> String?

  /// Work is counted in characters that are looked at; an evaluation is as many.
  private static let stepWork = 16
  private static let mostSteps = 2_000_000
  /// What is made is counted in characters, of four bytes each.
  private static let mostSize = 1 << 25
  static let itemSize = 4
  static let memberSize = 32
  static let textSize = 12
  private static let deepest = 250
  private static let deepestValue = 300

  /// `dateText` gives the present time in a format of `strftime`; nil where it has none.
  static func render(
    _ nodes: [TemplateNode], _ input: [String: TemplateValue],
    dateText: @escaping (String) -> String?
  ) throws -> String {
    var evaluator = TemplateEvaluator(scopes: [input], dateText: dateText)
    _ = try evaluator.run(nodes)
    return evaluator.output.text
  }

  private init(scopes: [[String: TemplateValue]], dateText: @escaping (String) -> String?) {
    self.scopes = scopes
    self.dateText = dateText
  }

  func failure(_ reason: String) -> TemplateFailure { TemplateFailure(reason, line: line) }

  // MARK: Limits

  mutating func spend(steps count: Int) throws { try spend(work: count * Self.stepWork) }

  /// Counts characters or items that are looked at.
  mutating func spend(work count: Int) throws {
    let (sum, overflows) = work.addingReportingOverflow(count)
    guard !overflows, sum <= Self.mostSteps * Self.stepWork else {
      throw failure("the template takes more than \(Self.mostSteps) steps")
    }
    work = sum
  }

  /// Counts characters that are about to be made, or items at their size.
  mutating func spend(size count: Int, each: Int = 1) throws {
    let (wanted, wraps) = count.multipliedReportingOverflow(by: each)
    let (sum, overflows) = size.addingReportingOverflow(wanted)
    guard !wraps, !overflows, count >= 0, sum <= Self.mostSize else {
      throw failure("the template makes more than \(Self.mostSize) characters")
    }
    size = sum
  }

  /// How many characters can still be made.
  var sizeLeft: Int { Self.mostSize - size }

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

  mutating func list(_ items: [TemplateValue], _ kind: TemplateValue.List.Kind = .list) throws
    -> TemplateValue
  {
    try spend(size: items.count, each: Self.itemSize)
    let list = TemplateValue.List(items, kind)
    guard list.depth <= Self.deepestValue else { throw tooDeep }
    return .list(list)
  }

  /// A list of texts that are made.
  mutating func list(texts: [Scalars], _ kind: TemplateValue.List.Kind = .list) throws
    -> TemplateValue
  {
    try spend(size: texts.count, each: Self.textSize)
    return try list(try texts.map { try made($0) }, kind)
  }

  /// Items that can be read once.
  mutating func generator(_ items: [TemplateValue]) throws -> TemplateValue {
    readGenerators.append(false)
    return try list(items, .generator(readGenerators.count - 1))
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
      case .text(let scalars):
        try spend(size: scalars.count)
        output += scalars
      case .output(let expression, let line):
        self.line = line
        let shown = try shown(try value(expression))
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
        var text = TemplateValue.text(try scoped { try $0.captured { try $0.run(body) } })
        for filter in filters {
          text = try apply(filter.name, to: text, try values(filter.arguments))
        }
        try set([target], to: text)
      case .macro(var macro):
        macro.scopeCount = scopes.count
        scopes[scopes.count - 1][macro.name] = .macro(macro)
      case .leaveLoop: return .leavesLoop
      case .nextItem: return .nextItem
      }
    }
    return .goesOn
  }

  /// What is done in a scope of its own.
  private mutating func scoped<T>(_ body: (inout TemplateEvaluator) throws -> T) throws -> T {
    let outer = scopes.count
    scopes.append([:])
    defer { scopes.removeLast(max(0, scopes.count - outer)) }
    return try body(&self)
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
    guard value.itemCount == targets.count, let parts = try items(of: value) else {
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
      try spend(size: Self.memberSize)
      namespaces[space.index].set(name, value)
    default: throw failure("this cannot be set")
    }
  }

  private mutating func loop(
    _ names: [String], _ expression: TemplateExpression, _ filter: TemplateExpression?,
    _ body: [TemplateNode], _ otherwise: [TemplateNode]
  ) throws -> Flow {
    let source = try value(expression)
    guard var items = try items(of: source) else { throw failure("\(source.kind) has no items") }
    let (scopeCount, loopCount) = (scopes.count, lastSeen.count)
    scopes.append([:])
    lastSeen.append(nil)
    // Whatever ends the loop, an error among it, leaves the scopes as they were.
    defer {
      scopes.removeLast(max(0, scopes.count - scopeCount))
      lastSeen.removeLast(max(0, lastSeen.count - loopCount))
    }
    if let filter {
      var kept: [TemplateValue] = []
      for item in items {
        try spend(steps: 1)
        scopes[scopeCount] = try bound(names, item)
        if try value(filter).isTrue { kept.append(item) }
      }
      items = kept
    }
    if items.isEmpty {
      scopes[scopeCount] = [:]
      return try run(otherwise)
    }
    for (index, item) in items.enumerated() {
      try spend(steps: 2)
      scopes[scopeCount] = try bound(names, item)
      scopes[scopeCount]["loop"] = .loop(.init(index: index, items: items, number: loopCount))
      if try run(body) == .leavesLoop { break }
    }
    return .goesOn
  }

  /// The names of a loop with their values for an item.
  private mutating func bound(_ names: [String], _ item: TemplateValue) throws
    -> [String: TemplateValue]
  {
    if names.count == 1 { return [names[0]: item] }
    guard item.itemCount == names.count, let parts = try items(of: item) else {
      throw failure("an item has not \(names.count) parts")
    }
    return Dictionary(zip(names, parts)) { $1 }
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

  /// The text of a macro for some arguments.
  mutating func expand(_ macro: TemplateMacro, _ given: TemplateCall) throws -> TemplateValue {
    let names = macro.parameters.map(\.name)
    let bound = try bind(given, names, of: "the macro \(macro.name.excerpt)")
    let (outer, caller) = (scopes, line)
    // A macro sees what is set around it, not what is set where it is called.
    scopes = outer.prefix(macro.scopeCount) + [[:]]
    defer { scopes = outer }
    let own = scopes.count - 1
    // More arguments than there are parameters are refused, so that these are empty.
    scopes[own] = ["varargs": .list(.init([], .tuple)), "kwargs": .dictionary(.init())]
    for parameter in macro.parameters {
      scopes[own][parameter.name] =
        try bound[parameter.name] ?? parameter.value.map { try value($0) } ?? .undefined
    }
    let text = try captured { try $0.run(macro.body) }
    line = caller
    return .text(text)
  }
}
