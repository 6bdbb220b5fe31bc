// Reading recipes: the defaults, a YAML file over them, single values over that.
import Distillation
import Foundation
import Storage
import Training
import Yams

/// A recipe that can be read from a file. Its default value is also its schema: only keys that the
/// default has are known.
protocol Recipe: Codable {
  init()
  /// Settles what the recipe leaves open.
  mutating func resolve()
  /// Hands out every path, empty ones among them.
  mutating func eachPath(_ body: (inout String) -> Void)
  func validate() throws
}

/// A recipe that cannot be used, and why.
struct RecipeError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = "Recipe: " + description }
}

extension Recipe {
  /// The files and folders that a run of the recipe reads.
  var sources: [String] {
    var (copy, paths) = (self, [String]())
    copy.eachPath { if !$0.isEmpty { paths.append($0) } }
    return paths
  }

  /// The defaults, changed by a file and by `key.path=value` settings.
  static func load(file: String?, settings: [String]) throws -> Self {
    guard var tree = try Yams.compose(yaml: Self().yaml()) else { throw RecipeError("is empty.") }
    if let file {
      let text: String
      do { text = try String(contentsOfText: URL(fileURLWithPath: file)) } catch {
        throw RecipeError("cannot read \(file): \(error)")
      }
      do {
        if let changes = try Yams.compose(yaml: text) { tree = try overlay(changes, on: tree, []) }
      } catch let error as YamlError {
        throw RecipeError("\(file) is not YAML: \(error)")
      }
    }
    for setting in settings {
      let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw RecipeError("--set needs KEY=VALUE, not '\(setting)'.") }
      guard let value = try? Yams.compose(yaml: parts[1]) else {
        throw RecipeError("--set \(setting): the value is not YAML.")
      }
      let change = parts[0].split(separator: ".").reversed().reduce(value) { inner, key in
        Node([(Node(String(key)), inner)])
      }
      tree = try overlay(change, on: tree, [])
    }
    try requireFinite(tree, [])
    var recipe: Self
    do { recipe = try YAMLDecoder().decode(Self.self, from: tree) } catch let error as DecodingError
    {
      throw RecipeError(explanation(error, in: tree))
    }
    recipe.resolve()
    try recipe.validate()
    return recipe
  }

  /// The recipe as YAML, every key written out.
  func yaml() throws -> String {
    // The encoder writes 0.1 as 1e-1.
    try YAMLEncoder().encode(self).replacing(/(?m): (-?[0-9.]+e[+-]?[0-9]+)$/) { match in
      Double(match.1).map { ": \($0)" } ?? String(match.0)
    }
  }
}

/// The keys at the top of a recipe's file; none where it cannot be read, which loading it explains.
func recipeKeys(ofFile file: String) -> Set<String> {
  guard let text = try? String(contentsOfFile: file, encoding: .utf8),
    let mapping = try? Yams.compose(yaml: text)?.mapping
  else { return [] }
  return Set(mapping.keys.compactMap(\.string))
}

/// Replaces the leaves of `base` by those of `changes`; a key that `base` has not is an error that
/// names the nearest key it has.
private func overlay(_ changes: Node, on base: Node, _ path: [String]) throws -> Node {
  guard case .mapping(var known) = base else { return changes }
  guard case .mapping(let changed) = changes else {
    throw RecipeError("\(path.joined(separator: ".")) must hold keys: \(keys(known)).")
  }
  for (key, value) in changed {
    let name = key.string ?? "?"
    let full = (path + [name]).joined(separator: ".")
    guard let old = known[key] else {
      let near = nearest(to: name, in: known.keys.compactMap(\.string))
      throw RecipeError(
        "there is no key \(full). Did you mean \((path + [near ?? ""]).joined(separator: "."))? "
          + "Known here: \(keys(known)).")
    }
    known[key] = try overlay(value, on: old, path + [name])
  }
  return .mapping(known)
}

/// Throws where a value is infinite or no number: no key of a recipe means anything by it.
private func requireFinite(_ node: Node, _ path: [String]) throws {
  switch node {
  case .mapping(let mapping):
    for (key, value) in mapping { try requireFinite(value, path + [key.string ?? "?"]) }
  case .sequence(let items):
    for (index, item) in items.enumerated() { try requireFinite(item, path + ["\(index)"]) }
  case .scalar(let scalar):
    // Texts in quotes are no numbers, whatever they look like.
    guard scalar.style != .singleQuoted, scalar.style != .doubleQuoted else { return }
    if let number = node.float, !number.isFinite {
      throw RecipeError("\(path.joined(separator: ".")) must be a finite number.")
    }
  default: return
  }
}

private func keys(_ mapping: Node.Mapping) -> String {
  mapping.keys.compactMap(\.string).joined(separator: ", ")
}

/// The words that a key takes, where these are few.
private let choices: [String: [String]] = [
  "precision": Precision.allCases.map(\.rawValue), "export": Precision.allCases.map(\.rawValue),
  "objective": DistillationRecipe.Objective.allCases.map(\.rawValue),
  "controls": DistillationRecipe.Controls.allCases.map(\.rawValue),
  "sentences": EmbeddingObjective.Kind.allCases.map(\.rawValue),
]

private func explanation(_ error: DecodingError, in tree: Node) -> String {
  switch error {
  case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
    return "\(path(context)) must be \(name(of: type))."
  case .dataCorrupted(let context):
    let value =
      context.codingPath.reduce(Optional(tree)) { node, key in
        key.intValue.map { node?[$0] } ?? node?[key.stringValue]
      }?.string ?? ""
    if let key = context.codingPath.last?.stringValue, let allowed = choices[key] {
      let near = nearest(to: value, in: allowed).map { " Did you mean \($0)?" } ?? ""
      return "\(path(context)) is one of \(allowed.joined(separator: ", ")), not '\(value)'.\(near)"
    }
    return "\(path(context)) has a value that is not allowed: '\(value)'."
  case .keyNotFound(let key, let context): return "\(path(context)) lacks \(key.stringValue)."
  @unknown default: return "\(error)"
  }
}

/// A type in words.
private func name(of type: any Any.Type) -> String {
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

private func path(_ context: DecodingError.Context) -> String {
  context.codingPath.reduce("") { path, key in
    if let index = key.intValue { return "\(path)[\(index)]" }
    return path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
  }
}
