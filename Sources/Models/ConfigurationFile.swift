// The fields of a `config.json`.
import Base
import Foundation
import Storage

/// A JSON object whose fields are checked when they are read.
package struct ConfigurationFile {
  /// The whole object, with the fields that Retort does not know.
  package let fields: JSON.Object
  private let path: String
  /// The object's place in the file, as `rope_scaling.`
  private let section: String

  /// Reads a file.
  package init(contentsOf url: URL) throws {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw UserError.noModel(
        in: url.deletingLastPathComponent(), lacking: url.lastPathComponent)
    }
    guard let fields = try JSON(contentsOf: url).object else {
      throw UserError("\(url.path) is not a JSON object.")
    }
    self.init(fields, path: url.path, section: "")
  }

  /// Fields that a file of another kind gives.
  init(_ fields: JSON.Object, of url: URL) { self.init(fields, path: url.path, section: "") }

  private init(_ fields: JSON.Object, path: String, section: String) {
    self.fields = fields
    self.path = path
    self.section = section
  }

  func failure(_ key: String, _ what: String) -> UserError {
    UserError("\(path): \(section)\(key) \(what).")
  }

  /// The field's value; nil where it is missing or null.
  private func value<T>(_ key: String, _ kind: String, _ read: (JSON) -> T?) throws -> T? {
    guard let value = fields[key], !value.isNull else { return nil }
    guard let result = read(value) else {
      let text = value.text.prefix(40).replacing("\n", with: " ")
      throw failure(key, "must be \(kind), it is \(text.trimmingCharacters(in: .whitespaces))")
    }
    return result
  }

  private func required<T>(_ key: String, _ value: T?) throws -> T {
    guard let value else { throw failure(key, "is missing") }
    return value
  }

  /// A number of things; nil where the field is missing or null.
  func optionalCount(_ key: String, atMost largest: Int = 1 << 26) throws -> Int? {
    try value(key, "a whole number from 1 to \(largest)") {
      $0.int.flatMap { (1...largest).contains($0) ? $0 : nil }
    }
  }

  func count(_ key: String, default fallback: Int? = nil, atMost largest: Int = 1 << 26) throws
    -> Int
  {
    try required(key, try optionalCount(key, atMost: largest) ?? fallback)
  }

  /// A number of layers, few enough that the model can be made before its weights are seen.
  func layerCount(_ key: String) throws -> Int { try count(key, atMost: 4096) }

  /// A positive number; nil where the field is missing or null.
  func optionalNumber(_ key: String) throws -> Double? {
    try value(key, "a positive number") { $0.double.flatMap { $0 > 0 ? $0 : nil } }
  }

  func number(_ key: String, default fallback: Double? = nil) throws -> Double {
    try required(key, try optionalNumber(key) ?? fallback)
  }

  func flag(_ key: String, default fallback: Bool) throws -> Bool {
    try value(key, "true or false", \.bool) ?? fallback
  }

  func text(_ key: String) throws -> String? { try value(key, "a text", \.string) }

  func texts(_ key: String) throws -> [String]? {
    try value(key, "a list of texts") { value in
      guard let items = value.array else { return nil }
      let texts = items.compactMap(\.string)
      return texts.count == items.count ? texts : nil
    }
  }

  func object(_ key: String) throws -> ConfigurationFile? {
    try value(key, "an object", \.object).map {
      ConfigurationFile($0, path: path, section: section + key + ".")
    }
  }

  /// Throws unless a field that changes the formula has the value that is built, or is missing.
  func require(_ key: String, _ accepted: JSON, because: String) throws {
    if let value = fields[key], !value.isNull, value != accepted { throw failure(key, because) }
  }

  /// One of the feed-forward functions.
  func activation<A: RawRepresentable<String>>(_ key: String, default fallback: A) throws -> A {
    guard let name = try text(key) else { return fallback }
    guard let function = A(rawValue: name) else {
      throw failure(key, "is \(name), which is not known")
    }
    return function
  }
}
