// The values of templates, with Python's meaning.
import Storage

enum TemplateValue: Sendable {
  case undefined
  case none
  case bool(Bool)
  case integer(Int)
  case number(Double)
  /// Python's texts are sequences of scalars.
  case text(Scalars)
  case list(List)
  case dictionary(Dictionary)
  case namespace(Namespace)
  case macro(TemplateMacro)
  /// A function that every template knows, and a method that was named but not called.
  case function(String)
  case method(String)

  /// Items in order: a list, or a tuple, which only looks otherwise.
  struct List: Sendable {
    let items: [TemplateValue]
    let isTuple: Bool
    /// How deep values lie within it.
    let depth: Int

    init(_ items: [TemplateValue], isTuple: Bool = false) {
      self.items = items
      self.isTuple = isTuple
      depth = 1 + (items.lazy.map(\.depth).max() ?? 0)
    }
  }

  /// Members in the order in which they were given first.
  struct Dictionary: Sendable {
    private(set) var members: [(key: TemplateValue, value: TemplateValue)] = []
    private var places: [Key: Int] = [:]
    private(set) var depth = 1

    subscript(key: Key) -> TemplateValue? { places[key].map { members[$0].value } }
    subscript(text: String) -> TemplateValue? { self[.text(Scalars(text))] }

    mutating func set(_ key: TemplateValue, _ own: Key, _ value: TemplateValue) {
      depth = max(depth, 1 + value.depth)
      if let place = places[own] {
        members[place].value = value
      } else {
        places[own] = members.count
        members.append((key, value))
      }
    }

    mutating func set(_ text: String, _ value: TemplateValue) {
      let scalars = Scalars(text)
      set(.text(scalars), .text(scalars), value)
    }
  }

  /// What a dictionary compares keys by: 1, 1.0 and true are one.
  enum Key: Hashable, Sendable {
    case text(Scalars)
    case integer(Int)
    case number(Double)
    case none
    case list([Key])
  }

  /// Names that inner blocks can set: a place in the evaluator's list of them.
  struct Namespace: Sendable { let index: Int }

  init(_ json: JSON) {
    switch json {
    case .null: self = .none
    case .bool(let flag): self = .bool(flag)
    case .number(let literal):
      self = Int(literal).map(TemplateValue.integer) ?? .number(Double(literal) ?? .nan)
    case .string(let text): self = .text(Scalars(text))
    case .array(let items): self = .list(List(items.map(TemplateValue.init)))
    case .object(let object):
      var dictionary = Dictionary()
      for member in object.members { dictionary.set(member.key, TemplateValue(member.value)) }
      self = .dictionary(dictionary)
    }
  }

  init(_ text: String) { self = .text(Scalars(text)) }

  /// How many values lie within each other, at most.
  var depth: Int {
    switch self {
    case .list(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    default: 0
    }
  }

  /// What it is as a key; nil where Python would not take it.
  var key: Key? {
    switch self {
    case .text(let text): return .text(text)
    case .bool(let flag): return .integer(flag ? 1 : 0)
    case .integer(let number): return .integer(number)
    case .number(let number): return Int(exactly: number).map(Key.integer) ?? .number(number)
    case .none: return Key.none
    case .list(let list) where list.isTuple:
      let keys = list.items.compactMap(\.key)
      return keys.count == list.items.count ? .list(keys) : nil
    default: return nil
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let flag): flag
    case .integer(let number): number != 0
    case .number(let number): number != 0
    case .text(let text): !text.isEmpty
    case .list(let list): !list.items.isEmpty
    case .dictionary(let dictionary): !dictionary.members.isEmpty
    case .namespace, .macro, .function, .method: true
    }
  }

  /// Python's `==`.
  func equals(_ other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.text(let a), .text(let b)): return a == b
    case (.list(let a), .list(let b)):
      return a.isTuple == b.isTuple && a.items.count == b.items.count
        && zip(a.items, b.items).allSatisfy { $0.equals($1) }
    case (.dictionary(let a), .dictionary(let b)):
      return a.members.count == b.members.count
        && a.members.allSatisfy { member in
          member.key.key.flatMap { b[$0] }.map(member.value.equals) ?? false
        }
    case (.namespace(let a), .namespace(let b)): return a.index == b.index
    default:
      if let a = int, let b = other.int { return a == b }
      if let a = double, let b = other.double { return a == b }
      return false
    }
  }

  /// The number that this is; true is 1.
  var double: Double? {
    switch self {
    case .bool(let flag): flag ? 1 : 0
    case .integer(let number): Double(number)
    case .number(let number): number
    default: nil
    }
  }

  var int: Int? {
    switch self {
    case .bool(let flag): flag ? 1 : 0
    case .integer(let number): number
    default: nil
    }
  }

  var text: Scalars? { if case .text(let text) = self { text } else { nil } }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }
  var isNone: Bool { if case .none = self { true } else { false } }

  /// What a loop visits: items, keys, characters.
  var items: [TemplateValue]? {
    switch self {
    case .undefined: []
    case .list(let list): list.items
    case .dictionary(let dictionary): dictionary.members.map(\.key)
    case .text(let text): text.map { .text([$0]) }
    default: nil
    }
  }

  /// What the value is, for a sentence.
  var kind: String {
    switch self {
    case .undefined: "what is undefined"
    case .none: "None"
    case .bool: "a truth value"
    case .integer, .number: "a number"
    case .text: "a text"
    case .list(let list): list.isTuple ? "a tuple" : "a list"
    case .dictionary: "a dictionary"
    case .namespace: "a namespace"
    case .macro: "a macro"
    case .function, .method: "a function"
    }
  }
}

/// A macro with the values that its parameters have when they are not given.
struct TemplateMacro: Sendable {
  let name: String
  let parameters: [(name: String, value: TemplateExpression?)]
  let body: [TemplateNode]
}
