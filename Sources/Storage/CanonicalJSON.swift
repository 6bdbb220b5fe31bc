// One text for equal JSON values.
import Foundation

extension JSON {
  /// The value with sorted keys, without white space and with the shortest digits of its numbers, so that equal values have equal
  /// texts, however they were written.
  package var canonical: String {
    switch self {
    case .number(let digits): Self.shortest(digits)
    case .array(let items): "[" + items.map(\.canonical).joined(separator: ",") + "]"
    case .object(let object):
      "{"
        + object.members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\($0.key.json):\($0.value.canonical)" }.joined(separator: ",") + "}"
    default: line
    }
  }

  private static func shortest(_ digits: String) -> String {
    if let whole = Int(digits) { return String(whole) }
    guard let value = Double(digits) else { return digits }
    return Int(exactly: value).map(String.init) ?? "\(value)"
  }
}
