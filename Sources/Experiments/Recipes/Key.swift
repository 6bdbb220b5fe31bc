// A key of a recipe: its default, what it means, and where its value must lie.
import Base
import Tensors
import Training

/// A value of a recipe with what is said of it. Only the value is written to files; meaning and bounds are those of the
/// recipe's default, which is the schema.
@propertyWrapper
public struct Key<Value: Codable>: Codable {
  /// The value.
  public var wrappedValue: Value
  let meaning: String
  let bounds: KeyBounds?

  /// A default with its meaning, a whole sentence, and where a number must lie. An enumeration of texts that is `CaseIterable`
  /// takes the words of its cases.
  public init(wrappedValue: Value, _ meaning: String, _ bounds: KeyBounds? = nil) {
    (self.wrappedValue, self.meaning, self.bounds) = (wrappedValue, meaning, bounds)
  }

  public init(from decoder: any Decoder) throws {
    self.init(wrappedValue: try decoder.singleValueContainer().decode(Value.self), "")
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(wrappedValue)
  }
}

extension Key {
  /// The words that the key takes, where these are few.
  var words: [String] {
    guard let type = Value.self as? any CaseIterable.Type else { return [] }
    return type.cases.compactMap { ($0 as? any RawRepresentable)?.rawValue as? String }
  }
}

extension CaseIterable {
  fileprivate static var cases: [Any] { allCases.map { $0 } }
}

/// Where a number of a recipe must lie.
public struct KeyBounds: Sendable {
  private let lower: Double?
  private let upper: Double?
  private let excludesLower: Bool
  private let excludesUpper: Bool
  /// Kernels compute with the number in single precision, in which it must still lie there.
  private let isSingle: Bool
  /// The bounds in words, after "must be".
  let words: String

  private init(
    _ words: String, lower: Double? = nil, upper: Double? = nil, excludesLower: Bool = false,
    excludesUpper: Bool = false, isSingle: Bool = false
  ) {
    self.words = words + (isSingle ? " in single precision" : "")
    (self.lower, self.upper, self.isSingle) = (lower, upper, isSingle)
    (self.excludesLower, self.excludesUpper) = (excludesLower, excludesUpper)
  }

  /// Whole numbers from a lower to an upper one, both allowed.
  public static func from(_ lower: Int, to upper: Int) -> KeyBounds {
    KeyBounds(
      "from \(grouped(lower)) to \(grouped(upper))", lower: Double(lower), upper: Double(upper))
  }

  /// Numbers from a lower to an upper one, both allowed.
  public static func from(_ lower: Double, to upper: Double) -> KeyBounds {
    KeyBounds("from \(lower) to \(upper)", lower: lower, upper: upper)
  }

  /// From 0 to 1.
  public static let share = KeyBounds("between 0 and 1", lower: 0, upper: 1)

  /// Above 0 and below 1.
  public static let openShare = KeyBounds(
    "above 0 and below 1", lower: 0, upper: 1, excludesLower: true, excludesUpper: true)

  /// A share that may be nothing, but not all.
  package static func shareBelow1(isSingle: Bool = false) -> KeyBounds {
    KeyBounds(
      "at least 0 and below 1", lower: 0, upper: 1, excludesUpper: true, isSingle: isSingle)
  }

  /// At least 0.
  public static let notNegative = KeyBounds("at least 0", lower: 0)

  /// A number that kernels multiply by.
  package static let weight = KeyBounds(
    "at least 0 and finite", lower: 0, upper: .infinity, excludesUpper: true, isSingle: true)

  /// A number that kernels divide by.
  package static let divisor = KeyBounds(
    "at least 1.2e-38 and finite", lower: Double(Float.leastNormalMagnitude), upper: .infinity,
    excludesUpper: true, isSingle: true)

  func contains(_ number: Double) -> Bool {
    let number = isSingle ? Double(Float(number)) : number
    if let lower, excludesLower ? number <= lower : number < lower { return false }
    if let upper, excludesUpper ? number >= upper : number > upper { return false }
    return true
  }
}

/// A group of keys: a recipe, or a section of one. Its properties are each a ``Key``.
public protocol RecipeSection: Codable {
  /// The defaults.
  init()
}
