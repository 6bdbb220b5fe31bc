// What is wrong with a recipe, in words.
import Foundation
import Storage
import Yams

extension RecipeTree {
  static func explanation(_ error: YamlError, ofFile file: String) -> RecipeError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      var error = RecipeError("this is not YAML: \(problem).")
      error.place = "\(file), line \(mark.line)"
      return error
    case .duplicatedKeysInMapping(let keys, let context):
      var error = RecipeError("\(keys.sorted().joined(separator: ", ")) stands there twice.")
      error.place = "\(file), line \(context.mark.line)"
      return error
    default: return RecipeError("\(file) is not YAML: \(error)")
    }
  }

  func explanation(_ error: DecodingError) -> RecipeError {
    switch error {
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      return RecipeError(
        "\(Self.path(context)) must be \(Self.name(of: type)).", key: Self.key(context))
    case .dataCorrupted(let context):
      let value =
        context.codingPath.reduce(Optional(node)) { node, key in
          key.intValue.map { node?[$0] } ?? node?[snakeCase(key.stringValue)]
        }?.string ?? ""
      let key = Self.key(context)
      let allowed = words(of: key)
      if !allowed.isEmpty {
        let near = nearest(to: value, in: allowed).map { " Did you mean \($0)?" } ?? ""
        return RecipeError(
          "\(Self.path(context)) is one of \(allowed.joined(separator: ", ")), not '\(value)'.\(near)",
          key: key)
      }
      return RecipeError(
        "\(Self.path(context)) has a value that is not allowed: '\(value)'.", key: key)
    case .keyNotFound(let key, let context):
      return RecipeError(
        "\(Self.path(context)) lacks \(snakeCase(key.stringValue)).", key: Self.key(context))
    @unknown default: return RecipeError("\(error)")
    }
  }

  /// A type in words.
  private static func name(of type: any Any.Type) -> String {
    switch type {
    case is Bool.Type: "true or false"
    case is Double.Type, is Float.Type: "a number"
    case is any FixedWidthInteger.Type: "a whole number"
    case is String.Type: "a text"
    default:
      // Of lists and mappings the YAML library names types of its own.
      "\(type)".contains(/Array|Sequence/)
        ? "a list" : "\(type)".contains("Scalar") ? "a single value" : "a group of keys"
    }
  }

  private static func path(_ context: DecodingError.Context) -> String {
    context.codingPath.reduce("") { path, key in
      if let index = key.intValue { return "\(path)[\(index)]" }
      let name = snakeCase(key.stringValue)
      return path.isEmpty ? name : "\(path).\(name)"
    }
  }

  /// The same without numbers of items.
  private static func key(_ context: DecodingError.Context) -> String {
    context.codingPath.filter { $0.intValue == nil }.map { snakeCase($0.stringValue) }
      .joined(separator: ".")
  }
}
