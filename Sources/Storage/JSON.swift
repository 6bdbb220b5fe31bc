// JSON as values (RFC 8259).
import Base
import Foundation

/// A JSON value as it stood in a file: objects keep the order of their keys, numbers their digits.
///
/// Foundation's reader cannot tell 1 from true on Linux, and forgets the order.
public enum JSON: Sendable, Hashable {
  /// null
  case null
  /// true or false
  case bool(Bool)
  /// The literal, such as `1e-05`.
  case number(String)
  /// A text.
  case string(String)
  /// Values in order.
  case array([JSON])
  /// Values by name, in the order of the text.
  case object(Object)

  /// Keys and values in order; of keys that are given twice, the last counts.
  public struct Object: Sendable, Hashable {
    /// A name with its value.
    public struct Member: Sendable, Hashable {
      /// The name.
      public let key: String
      /// What stands under it.
      public var value: JSON
    }

    /// Names with their values, in the order of the text.
    public private(set) var members: [Member] = []

    /// An object without members.
    public init() {}

    init(_ members: [Member]) { self.members = members }

    /// Members in order, under keys that all differ.
    public init(_ members: [(key: String, value: JSON)]) {
      self.members = members.map { Member(key: $0.key, value: $0.value) }
    }

    /// The value of a name; nil where there is none.
    public subscript(key: String) -> JSON? {
      get { members.last { $0.key == key }?.value }
      set {
        let place = members.lastIndex { $0.key == key }
        switch (place, newValue) {
        case (let place?, let value?): members[place].value = value
        case (let place?, nil): members.remove(at: place)
        case (nil, let value?): members.append(Member(key: key, value: value))
        case (nil, nil): break
        }
      }
    }
  }

  /// Reads a file; an error names it and says where it is no JSON.
  public init(contentsOf url: URL) throws {
    guard let data = try? Data(contentsOf: url) else {
      throw UserError("Cannot read \(url.path): there is no such file, or it is not readable.")
    }
    do { try self.init(parsing: data) } catch let error as JSONParser.Failure {
      throw UserError("\(url.path) is not JSON: \(error.reason) at byte \(error.offset).")
    }
  }

  /// Reads one value and nothing else.
  public init(parsing data: Data) throws {
    self = try data.withUnsafeBytes { bytes in
      var parser = JSONParser(bytes)
      return try parser.document()
    }
  }

  /// A whole number.
  public init(_ number: Int) { self = .number(String(number)) }
  /// A number; traps for one that is not finite.
  public init(_ number: Double) { self = .number("\(number)") }

  // MARK: Looking inside

  /// The value under a name; nil for anything but an object that has it.
  public subscript(key: String) -> JSON? { object?[key] }

  /// The object; nil for anything else.
  public var object: Object? { if case .object(let object) = self { object } else { nil } }
  /// The values of an array; nil for anything else.
  public var array: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
  /// The text; nil for anything else.
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// The truth value; nil for anything else.
  public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  /// The number; nil for anything else.
  public var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }
  /// A whole number that fits.
  public var int: Int? {
    guard case .number(let text) = self else { return nil }
    return Int(text) ?? Double(text).flatMap { Int(exactly: $0) }
  }
  /// Whether it is null.
  public var isNull: Bool { self == .null }

  // MARK: Writing

  /// The text on one line.
  public var line: String {
    switch self {
    case .array(let items): "[" + items.map(\.line).joined(separator: ", ") + "]"
    case .object(let object):
      "{" + object.members.map { "\($0.key.json): \($0.value.line)" }.joined(separator: ", ") + "}"
    default: String(text.dropLast())
    }
  }

  /// The text, indented by two spaces a level.
  public var text: String {
    var out = ""
    write(to: &out, indent: "")
    return out + "\n"
  }

  private func write(to out: inout String, indent: String) {
    func lines<T>(_ open: String, _ items: [T], _ close: String, _ body: (T, inout String) -> Void)
    {
      out += open
      for (index, item) in items.enumerated() {
        out += (index == 0 ? "\n" : ",\n") + indent + "  "
        body(item, &out)
      }
      out += (items.isEmpty ? "" : "\n" + indent) + close
    }
    switch self {
    case .null: out += "null"
    case .bool(let flag): out += flag ? "true" : "false"
    case .number(let literal): out += literal
    case .string(let text): out += text.json
    case .array(let items):
      lines("[", items, "]") { item, out in item.write(to: &out, indent: indent + "  ") }
    case .object(let object):
      lines("{", object.members, "}") { member, out in
        out += member.key.json + ": "
        member.value.write(to: &out, indent: indent + "  ")
      }
    }
  }
}
