// Reading recipes: the defaults, a YAML file over them, single values over that.
import Base

/// A kind of model, as far as the recipes of one command are concerned.
package struct RecipeKind<R: Recipe> {
  /// Its models, such as "language models".
  package let name: String
  /// The keys that it adds.
  package let parts: [any RecipePart]
  /// Whether a recipe with the keys of all kinds is for this one.
  package let takes: (R) -> Bool

  package init(
    _ name: String, parts: [any RecipePart], takes: @escaping (R) -> Bool = { _ in true }
  ) {
    (self.name, self.parts, self.takes) = (name, parts, takes)
  }

  /// Every key of its recipes, with the defaults.
  package var recipe: R {
    var recipe = R()
    recipe.parts = parts
    return recipe
  }
}

/// A recipe with what it is for.
package struct LoadedRecipe<R: Recipe> {
  package var recipe: R
  /// The first of the kinds that takes it.
  package let kind: RecipeKind<R>
  /// What file and settings change of the kind's defaults.
  package let changes: [RecipeChange]
  /// What a person should know of the keys that they used.
  package let notices: [String]
}

extension Recipe {
  /// The defaults, changed by a file and by `key.path=value` settings. A key may be that of any kind; the first kind that takes
  /// the recipe reads it, and keys that are not its own are told.
  package static func load(
    file: String?, settings: [String], kinds: [RecipeKind<Self>]
  ) throws -> LoadedRecipe<Self> {
    var prototype = Self()
    for part in kinds.flatMap(\.parts)
    where !prototype.parts.contains(where: { type(of: $0) == type(of: part) }) {
      prototype.parts.append(part)
    }
    let defaults = try RecipeTree(prototype)
    var tree = defaults
    do {
      if let file { try tree.change(byFile: file) }
      for setting in settings { try tree.change(bySetting: setting) }
      var recipe = try tree.recipe(like: prototype)
      guard let kind = kinds.first(where: { $0.takes(recipe) }) else {
        fatal("a kind of model takes what no other does")
      }
      recipe.parts = recipe.parts.filter { part in
        kind.parts.contains { type(of: $0) == type(of: part) }
      }
      let known = RecipeSchema(of: recipe.sections)
      let settled = try RecipeTree(recipe.defaults)
      let changes = tree.differences(from: defaults)
      recipe.settle()
      for part in recipe.parts { try part.validate() }
      try recipe.validate()
      return LoadedRecipe(
        recipe: recipe, kind: kind,
        changes: changes.compactMap { change in
          settled.line(of: change.key).map {
            RecipeChange(key: change.key, value: change.value, other: $0)
          }
        },
        notices: tree.notices
          + changes.filter { known.entry($0.key) == nil }
          .map { "\($0.key) is passed over: \(kind.name) have no such key." })
    } catch var error as RecipeError {
      error.place = error.place ?? error.key.flatMap(tree.place)
      throw error
    }
  }

  /// The same for one kind of model, whose keys are known.
  package static func load(
    file: String?, settings: [String], parts: [any RecipePart]
  ) throws -> Self {
    try load(file: file, settings: settings, kinds: [RecipeKind("these models", parts: parts)])
      .recipe
  }
}
