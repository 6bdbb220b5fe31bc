// The values of templates, with Python's meaning.
import Storage

enum TemplateValue: Sendable {
  case undefined
  case none
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case text(String)
  case list([TemplateValue])
  case dictionary(Dictionary)
  case namespace(Namespace)
  case macro(parameters: [(name: String, value: TemplateExpression?)], [TemplateNode])

  /// Members in the order in which they were given.
  struct Dictionary: Sendable {
    var members: [(key: String, value: TemplateValue)] = []

    subscript(key: String) -> TemplateValue? {
      get { members.last { $0.key == key }?.value }
      set {
        let place = members.lastIndex { $0.key == key }
        guard let newValue else { return }
        if let place { members[place].value = newValue } else { members.append((key, newValue)) }
      }
    }
  }

  /// Names that inner blocks can set: a place in the evaluator's list of them.
  struct Namespace: Sendable { let index: Int }

  init(_ json: JSON) {
    switch json {
    case .null: self = .none
    case .bool(let flag): self = .bool(flag)
    case .number(let literal):
      self = Int(literal).map(TemplateValue.integer) ?? .number(Double(literal) ?? .nan)
    case .string(let text): self = .text(text)
    case .array(let items): self = .list(items.map(TemplateValue.init))
    case .object(let object):
      self = .dictionary(
        Dictionary(members: object.members.map { ($0.key, TemplateValue($0.value)) }))
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let flag): flag
    case .integer(let number): number != 0
    case .number(let number): number != 0
    case .text(let text): !text.isEmpty
    case .list(let items): !items.isEmpty
    case .dictionary(let dictionary): !dictionary.members.isEmpty
    case .namespace, .macro: true
    }
  }

  /// How `{{ value }}` shows it.
  var shown: String {
    switch self {
    case .undefined: ""
    case .text(let text): text
    default: representation
    }
  }

  /// Python's `repr`.
  private var representation: String {
    switch self {
    case .undefined: return "Undefined"
    case .none: return "None"
    case .bool(let flag): return flag ? "True" : "False"
    case .integer(let number): return "\(number)"
    case .number(let number): return "\(number)"
    case .text(let text):
      let quote = text.contains("'") && !text.contains("\"") ? "\"" : "'"
      let escaped = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        .replacing("\t", with: "\\t").replacing("\r", with: "\\r")
      return quote + (quote == "'" ? escaped.replacing("'", with: "\\'") : escaped) + quote
    case .list(let items):
      return "[" + items.map(\.representation).joined(separator: ", ") + "]"
    case .dictionary(let dictionary):
      let members = dictionary.members.map {
        "\(TemplateValue.text($0.key).representation): \($0.value.representation)"
      }
      return "{" + members.joined(separator: ", ") + "}"
    case .namespace: return "<Namespace>"
    case .macro: return "<Macro>"
    }
  }

  /// Python's `json.dumps`, with texts as they are; `indent` puts members on lines of their own.
  func json(indent: Int?, level: Int = 0) -> String? {
    func joined(_ open: String, _ parts: [String?], _ close: String) -> String? {
      let known = parts.compactMap { $0 }
      guard known.count == parts.count else { return nil }
      guard let indent, !known.isEmpty else { return open + known.joined(separator: ", ") + close }
      let inner = "\n" + String(repeating: " ", count: indent * (level + 1))
      let outer = "\n" + String(repeating: " ", count: indent * level)
      return open + inner + known.joined(separator: "," + inner) + outer + close
    }
    switch self {
    case .undefined, .namespace, .macro: return nil
    case .none: return "null"
    case .bool(let flag): return flag ? "true" : "false"
    case .integer, .number: return representation
    case .text(let text): return text.json
    case .list(let items):
      return joined("[", items.map { $0.json(indent: indent, level: level + 1) }, "]")
    case .dictionary(let dictionary):
      let parts = dictionary.members.map { key, value in
        value.json(indent: indent, level: level + 1).map { "\(key.json): \($0)" }
      }
      return joined("{", parts, "}")
    }
  }

  /// Python's `==`.
  func equals(_ other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.text(let a), .text(let b)): return a == b
    case (.list(let a), .list(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
    case (.dictionary(let a), .dictionary(let b)):
      return a.members.count == b.members.count
        && a.members.allSatisfy { member in b[member.key].map(member.value.equals) ?? false }
    default:
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

  var string: String? { if case .text(let text) = self { text } else { nil } }

  /// What a loop visits: items, keys, characters.
  var items: [TemplateValue]? {
    switch self {
    case .undefined: []
    case .list(let items): items
    case .dictionary(let dictionary): dictionary.members.map { .text($0.key) }
    case .text(let text): text.unicodeScalars.map { .text(String($0)) }
    default: nil
    }
  }
}
