// The values of templates, with Python's meaning.
import Storage

/// Cases that carry much are boxed, so that a list of values is small.
enum TemplateValue: Sendable {
  case undefined
  case none
  case bool(Bool)
  case integer(Int)
  case number(Double)
  /// Python's texts are sequences of scalars.
  case text(Scalars)
  indirect case list(List)
  indirect case dictionary(Dictionary)
  case namespace(Namespace)
  indirect case loop(Loop)
  indirect case macro(TemplateMacro)
  /// A function that every template knows, and a method that was named but not called.
  indirect case function(String)
  indirect case method(String)

  /// Items in order, whatever Python calls them.
  struct List: Sendable {
    enum Kind: Sendable, Equatable {
      case list, tuple
      case range(from: Int, to: Int, step: Int)
      /// What `items`, `keys` and `values` of a dictionary give: `dict_items` and so on.
      case view(String)
      /// What `map` and its like give: items that can be read once, by the number of the reading.
      case generator(Int)
    }

    let items: [TemplateValue]
    let kind: Kind
    /// How deep values lie within it.
    let depth: Int

    init(_ items: [TemplateValue], _ kind: Kind = .list) {
      self.items = items
      self.kind = kind
      depth = 1 + (items.lazy.map(\.depth).max() ?? 0)
    }

    /// Whether Python finds an item by its place in it.
    var hasPlaces: Bool {
      switch kind {
      case .list, .tuple, .range: true
      case .view, .generator: false
      }
    }

    var isGenerator: Bool { if case .generator = kind { true } else { false } }
  }

  /// Members in the order in which they were given first.
  struct Dictionary: Sendable {
    private(set) var members: [(key: TemplateValue, value: TemplateValue)] = []
    private var places: [Key: Int] = [:]
    private(set) var depth = 1

    subscript(key: Key) -> TemplateValue? { places[key].map { members[$0].value } }
    subscript(text: String) -> TemplateValue? { self[.text(Scalars(text))] }

    mutating func set(_ key: TemplateValue, _ own: Key, _ value: TemplateValue) {
      depth = max(depth, 1 + value.depth, 1 + key.depth)
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
    indirect case tuple([Key])
  }

  /// Names that inner blocks can set: a place in the evaluator's list of them.
  struct Namespace: Sendable { let index: Int }

  /// What a loop's body knows of it: the place of its item, and of the evaluator's notes on the loop.
  struct Loop: Sendable {
    let index: Int
    let items: [TemplateValue]
    let number: Int
  }

  init(_ text: String) { self = .text(Scalars(text)) }

  /// Texts of one character, which loops over texts give, made once.
  private static let ascii: [TemplateValue] = (0..<128).map { code in
    .text([Unicode.Scalar(UInt8(code))])
  }

  init(_ scalar: Unicode.Scalar) {
    self = scalar.isASCII ? Self.ascii[Int(scalar.value)] : .text([scalar])
  }

  /// How many values lie within each other, at most.
  var depth: Int {
    switch self {
    case .list(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    default: 0
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let flag): flag
    case .integer(let number): number != 0
    case .number(let number): number != 0
    case .text(let text): !text.isEmpty
    case .list(let list): list.isGenerator || !list.items.isEmpty
    case .dictionary(let dictionary): !dictionary.members.isEmpty
    case .namespace, .loop, .macro, .function, .method: true
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

  /// How many items a loop visits; nil where it visits none.
  var itemCount: Int? {
    switch self {
    case .undefined: 0
    case .text(let text): text.count
    case .list(let list): list.items.count
    case .dictionary(let dictionary): dictionary.members.count
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
    case .list(let list):
      switch list.kind {
      case .list: "a list"
      case .tuple: "a tuple"
      case .range: "a range"
      case .view(let name): name
      case .generator: "a generator"
      }
    case .dictionary: "a dictionary"
    case .namespace: "a namespace"
    case .loop: "a loop"
    case .macro: "a macro"
    case .function, .method: "a function"
    }
  }
}

extension TemplateValue {
  /// The value of a message's part; nil for a whole number that is too large.
  init?(_ json: JSON) {
    switch json {
    case .null: self = .none
    case .bool(let flag): self = .bool(flag)
    case .number(let literal):
      if let whole = Int(literal) {
        self = .integer(whole)
      } else {
        guard literal.utf8.contains(where: { ".eE".utf8.contains($0) }),
          let number = Double(literal)
        else { return nil }
        self = .number(number)
      }
    case .string(let text): self = .text(Scalars(text))
    case .array(let items):
      var values: [TemplateValue] = []
      values.reserveCapacity(items.count)
      for item in items {
        guard let value = TemplateValue(item) else { return nil }
        values.append(value)
      }
      self = .list(List(values))
    case .object(let object):
      var dictionary = Dictionary()
      for member in object.members {
        guard let value = TemplateValue(member.value) else { return nil }
        dictionary.set(member.key, value)
      }
      self = .dictionary(dictionary)
    }
  }
}

/// A macro with the values that its parameters have when they are not given.
struct TemplateMacro: Sendable {
  let name: String
  let parameters: [(name: String, value: TemplateExpression?)]
  let body: [TemplateNode]
  /// How many scopes lie around the place where it stands.
  var scopeCount = 1
}
