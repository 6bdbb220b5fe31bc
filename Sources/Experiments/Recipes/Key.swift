// A key of a recipe: its default, what it means, and where its value must lie.
import Base
import Tensors
import Training

/// A value of a recipe with what `retort recipe` says of it. Only the value is written to files; meaning and bounds are
/// those of the recipe's default, which is the schema.
@propertyWrapper
package struct Key<Value: Codable>: Codable {
  package var wrappedValue: Value
  let meaning: String
  let bounds: Bounds?

  init(wrappedValue: Value, _ meaning: String, _ bounds: Bounds? = nil) {
    (self.wrappedValue, self.meaning, self.bounds) = (wrappedValue, meaning, bounds)
  }

  package init(from decoder: any Decoder) throws {
    self.init(wrappedValue: try decoder.singleValueContainer().decode(Value.self), "")
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(wrappedValue)
  }
}

/// Where a number of a recipe must lie.
struct Bounds {
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

  static func from(_ lower: Int, to upper: Int) -> Bounds {
    Bounds(
      "from \(grouped(lower)) to \(grouped(upper))", lower: Double(lower), upper: Double(upper))
  }

  static func from(_ lower: Double, to upper: Double) -> Bounds {
    Bounds("from \(lower) to \(upper)", lower: lower, upper: upper)
  }

  static let share = Bounds("between 0 and 1", lower: 0, upper: 1)

  static let openShare = Bounds(
    "above 0 and below 1", lower: 0, upper: 1, excludesLower: true, excludesUpper: true)

  /// A share that may be nothing, but not all.
  static func shareBelow1(isSingle: Bool = false) -> Bounds {
    Bounds(
      "at least 0 and below 1", lower: 0, upper: 1, excludesUpper: true, isSingle: isSingle)
  }

  static let notNegative = Bounds("at least 0", lower: 0)

  /// A number that kernels multiply by.
  static let weight = Bounds(
    "at least 0 and finite", lower: 0, upper: .infinity, excludesUpper: true, isSingle: true)

  /// A number that kernels divide by.
  static let divisor = Bounds(
    "at least 1.2e-38 and finite", lower: Double(Float.leastNormalMagnitude), upper: .infinity,
    excludesUpper: true, isSingle: true)

  func contains(_ number: Double) -> Bool {
    let number = isSingle ? Double(Float(number)) : number
    if let lower, excludesLower ? number <= lower : number < lower { return false }
    if let upper, excludesUpper ? number >= upper : number > upper { return false }
    return true
  }
}

/// Words that a key takes, where these are few.
protocol RecipeWord: Codable, CaseIterable, RawRepresentable<String> {}

extension RecipeWord {
  static var words: [String] { allCases.map(\.rawValue) }
}

extension Precision: RecipeWord {}

/// A part of a recipe that has keys of its own.
package protocol RecipeSection: Codable {
  init()
}
