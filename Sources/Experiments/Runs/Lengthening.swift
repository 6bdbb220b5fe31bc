// A run that goes on becomes longer than it was to be.
import Base
import Storage

extension ArmRecipe {
  /// Takes more steps, and says whether they are more than before; throws where they are fewer.
  mutating func lengthen(to stepCount: Int) throws -> Bool {
    guard stepCount >= steps else {
      throw UserError(
        "The run has \(counted(steps, "step")) and can only become longer, not one of \(grouped(stepCount)).",
        remedy: .startAnew)
    }
    guard stepCount <= 100_000_000 else {
      throw UserError("A training has at most 100,000,000 steps, not \(grouped(stepCount)).")
    }
    let isLonger = stepCount > steps
    // Passes over the data would decide the steps anew.
    (steps, epochs) = (stepCount, 0)
    return isLonger
  }
}

extension RunEvent {
  /// What is told of a run that becomes longer.
  static func longer(_ before: Int, _ after: Int) -> RunEvent {
    .note(
      "the run becomes one of \(counted(after, "step")) instead of \(grouped(before)); from where each model is, its "
        + "learning rate follows the longer schedule")
  }
}

extension RunFolder {
  /// Notes the recipe with more steps; gives the origins of the run that is longer now. A process that ends in between leaves a run
  /// that goes on as the shorter one, or as the longer one.
  func lengthen(_ recipe: some Recipe, _ origins: RunOrigins, by options: RunOptions) throws
    -> RunOrigins
  {
    let longer = try origins.lengthened(by: recipe, program: options.program)
    try write(longer.text, to: RunOrigins.fileName)
    try write(try recipe.yaml(), to: "recipe.yaml")
    if var about {
      about.laterCommands.append(options.command.map(shellWord).joined(separator: " "))
      about.changes = try RecipeTree(recipe).differences(from: RecipeTree(recipe.defaults))
      about.program = options.program ?? about.program
      try write(about.json.json + "\n", to: RunAbout.fileName)
    }
    return longer
  }
}
