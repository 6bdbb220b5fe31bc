// A part of a `tokenizer.json`.
import Storage

/// An object of the file with its `type`, whose fields are checked when they are read.
struct TokenizerPart {
  let json: JSON
  /// Where it stands in the file, as `normalizer.normalizers[1]`.
  private let path: String

  private static let mostParts = 64

  init(_ json: JSON, path: String) {
    self.json = json
    self.path = path
  }

  /// The part of this name; nil where it is missing or null.
  init?(_ file: JSON, _ name: String) {
    guard let json = file[name], !json.isNull else { return nil }
    self.init(json, path: name)
  }

  var type: String { json["type"]?.string ?? "" }

  func failure(_ what: String) -> TokenizerError {
    TokenizerError(
      "The tokenizer's \(path.excerpt)\(type.isEmpty ? "" : " (\(type.excerpt))") \(what).")
  }

  var unknown: TokenizerError {
    failure(type.isEmpty ? "has no type" : "is of a type that is not built")
  }

  private func value<T>(_ key: String, _ kind: String, _ read: (JSON) -> T?) throws -> T? {
    guard let value = json[key], !value.isNull else { return nil }
    guard let result = read(value) else { throw failure("has a \(key) that is not \(kind)") }
    return result
  }

  func optionalText(_ key: String) throws -> String? { try value(key, "a text", \.string) }

  func text(_ key: String, default fallback: String? = nil) throws -> String {
    guard let text = try optionalText(key) ?? fallback else { throw failure("has no \(key)") }
    return text
  }

  func flag(_ key: String, default fallback: Bool) throws -> Bool {
    try value(key, "true or false", \.bool) ?? fallback
  }

  func number(_ key: String, default fallback: Double) throws -> Double {
    try value(key, "a number", \.double) ?? fallback
  }

  func count(_ key: String, default fallback: Int) throws -> Int {
    let found = try value(key, "a number of things") { $0.int.flatMap { $0 >= 0 ? $0 : nil } }
    return found ?? fallback
  }

  func parts(_ key: String) throws -> [TokenizerPart] {
    guard let items = json[key]?.array else { throw failure("has no list of \(key)") }
    guard items.count <= Self.mostParts else {
      throw failure("has \(items.count) \(key), more than \(Self.mostParts)")
    }
    return items.enumerated().map { TokenizerPart($1, path: "\(path).\(key)[\($0)]") }
  }
}
