// Reading recipes: the defaults, a YAML file over them, single values over that.
import Foundation
import Yams

/// A recipe that can be read from a file. Its default value is also its schema: only keys that the
/// default has are known.
package protocol Recipe: RecipeSection {
  /// The command that takes it.
  static var command: String { get }
  var data: DataRecipe { get set }
  /// Settles what the recipe leaves open.
  mutating func resolve()
  /// Hands out every path, empty ones among them.
  mutating func eachPath(_ body: (inout String) -> Void)
  func validate() throws
}

/// A recipe that cannot be used, and why.
package struct RecipeError: Error, CustomStringConvertible {
  private let reason: String
  /// The key with the value that cannot be used, where there is one.
  package let key: String?
  /// Where that value stands, such as "book.yaml, line 3".
  package var place: String?

  package init(_ reason: String, key: String? = nil) { (self.reason, self.key) = (reason, key) }

  package var description: String { "\(place ?? "Recipe"): \(reason)" }
}

/// Throws unless a value of a recipe lies where it must.
package func require(_ holds: Bool, _ key: String, _ range: String) throws {
  if !holds { throw RecipeError("\(key) must be \(range).", key: key) }
}

extension Recipe {
  /// The files and folders that a run of the recipe reads.
  package var sources: [String] {
    var (copy, paths) = (self, [String]())
    copy.eachPath { if !$0.isEmpty { paths.append($0) } }
    return paths
  }

  /// Makes relative paths those of the working directory, so that a run can go on from any place; `~` stays for patterns.
  package mutating func makePathsAbsolute() {
    eachPath { path in
      if !path.isEmpty, !path.hasPrefix("~") { path = URL(fileURLWithPath: path).path }
    }
  }

  /// The defaults, changed by a file and by `key.path=value` settings. `notice` is given what a person should know of the
  /// keys that they used.
  package static func load(
    file: String?, settings: [String], notice: (String) -> Void = { _ in }
  ) throws -> Self {
    var tree = try RecipeTree(Self())
    do {
      if let file { try tree.change(byFile: file) }
      for setting in settings { try tree.change(bySetting: setting) }
      tree.notices.forEach(notice)
      var recipe = try tree.recipe(Self.self)
      recipe.resolve()
      try recipe.validate()
      return recipe
    } catch var error as RecipeError {
      error.place = error.place ?? error.key.flatMap(tree.place)
      throw error
    }
  }

  /// A file over the defaults, and the defaults, with what they settle themselves.
  package static func tree(ofFile file: String) throws -> (tree: RecipeTree, defaults: RecipeTree) {
    var settled = Self()
    settled.resolve()
    let defaults = try RecipeTree(settled)
    var tree = defaults
    try tree.change(byFile: file)
    _ = try tree.recipe(Self.self)
    return (tree, defaults)
  }

  /// The recipe as YAML, every key written out.
  package func yaml() throws -> String { try RecipeTree(self).yaml() }
}

/// Whether a recipe's file is one of `retort train`.
package func isTrainingRecipe(_ file: String) -> Bool { recipeKeys(ofFile: file).contains("model") }

/// The keys at the top of a recipe's file; none where it cannot be read, which loading it explains.
func recipeKeys(ofFile file: String) -> Set<String> {
  guard let text = try? String(contentsOfFile: file, encoding: .utf8),
    let mapping = try? Yams.compose(yaml: text)?.mapping
  else { return [] }
  return Set(mapping.keys.compactMap(\.string))
}
