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

  /// How many of some keys its recipes lack.
  package func countUnread(_ keys: [String]) throws -> Int {
    let tree = try RecipeTree(recipe)
    return keys.count { !tree.has($0) }
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
    for kind in kinds { RecipeSchema.requireDisjoint(kind.recipe.sections) }
    var prototype = Self()
    for part in kinds.flatMap(\.parts)
    where !prototype.parts.contains(where: { type(of: $0) == type(of: part) }) {
      prototype.parts.append(part)
    }
    var tree = try RecipeTree(prototype)
    do {
      if let file { try tree.change(byFile: file) }
      for setting in settings { try tree.change(bySetting: setting) }
      let all = try tree.recipe(like: prototype)
      guard let kind = kinds.first(where: { $0.takes(all) }) else {
        fatal("a kind of model takes what no other does")
      }
      var recipe = all
      recipe.parts = recipe.parts.filter { part in
        kind.parts.contains { type(of: $0) == type(of: part) }
      }
      let known = try RecipeTree(kind.recipe)
      let (open, settled) = (try RecipeTree(prototype), try RecipeTree(prototype.defaults))
      // What is left open, and what that is settled to, are no choices.
      let given = try RecipeTree(all)
      let unsettled = Set(given.differences(from: settled).map(\.key))
      let chosen = given.differences(from: open).filter { unsettled.contains($0.key) }
      let unread = chosen.map(\.key).filter { !known.has($0) }
      if let typed = unread.first(where: { tree.place(of: $0) == nil }) {
        let section = typed.split(separator: ".").dropLast().map(String.init)
        let there = known.entries.filter { Array($0.path.dropLast()) == section }
          .compactMap(\.path.last).joined(separator: ", ")
        throw RecipeError(
          "\(typed) cannot be set: \(kind.name) have no such key. Known here: \(there).")
      }
      recipe.settle()
      // What was left open is settled within bounds, too.
      try RecipeTree(recipe).requireBounds(of: known.schema)
      for part in recipe.parts { try part.validate() }
      try recipe.validate()
      let defaults = try RecipeTree(recipe.defaults)
      return LoadedRecipe(
        recipe: recipe, kind: kind,
        changes: chosen.compactMap { change in
          guard known.has(change.key), let line = defaults.line(of: change.key),
            line != change.value
          else { return nil }
          return RecipeChange(key: change.key, value: change.value, other: line)
        },
        notices: tree.notices
          + unread.map { "\($0) is passed over: \(kind.name) have no such key." })
    } catch var error as RecipeError {
      error.place = error.place ?? error.key.flatMap(tree.place)
      throw error
    }
  }

  /// The same for one kind of model, whose keys are known.
  package static func load(
    file: String?, settings: [String], parts: [any RecipePart]
  ) throws -> Self {
    // Values that were read have no meanings and bounds: the defaults have.
    let defaults = parts.map { type(of: $0).init() }
    return try load(
      file: file, settings: settings, kinds: [RecipeKind("these models", parts: defaults)]
    ).recipe
  }
}
