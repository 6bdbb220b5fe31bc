// JSON as Swift's literals write it.

extension JSON: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A text.
  public init(stringLiteral text: String) { self = .string(text) }
  /// true or false.
  public init(booleanLiteral flag: Bool) { self = .bool(flag) }
  /// A whole number.
  public init(integerLiteral number: Int) { self.init(number) }
  /// Values in order.
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  /// Values by name, in this order.
  public init(dictionaryLiteral members: (String, JSON)...) {
    self = .object(Object(members.map { (key: $0.0, value: $0.1) }))
  }
}
