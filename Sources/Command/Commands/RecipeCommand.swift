// `retort recipe`
import ArgumentParser
import Base
import Experiments
import Foundation

struct RecipeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipe",
    abstract: "Show what recipes can say, and check one.",
    discussion: """
      `retort recipe distill > my.yaml` and `retort recipe train > my.yaml` write every key with its meaning, default \
      and range. A recipe needs only the keys that differ.
      """,
    subcommands: [ShowDistill.self, ShowTrain.self, Check.self], defaultSubcommand: ShowDistill.self
  )

  struct ShowDistill: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "distill", abstract: "Write every key of a distillation's recipe.")

    func run() throws { try tell(DistillRecipe().description(width: Screen.output.width)) }
  }

  struct ShowTrain: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "train", abstract: "Write every key of a training's recipe.")

    func run() throws { try tell(TrainRecipe().description(width: Screen.output.width)) }
  }

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Read a recipe as a run would, and say what it changes.",
      discussion: "A recipe with a key `model` is read as `retort train` would.")

    @Argument(help: ArgumentHelp("The YAML recipe.", valueName: "recipe"))
    var file: String

    func run() throws {
      if isTrainingRecipe(file) {
        try check(TrainRecipe.self)
      } else {
        try check(DistillRecipe.self)
      }
    }

    private func check<R: Recipe>(_ type: R.Type) throws {
      let recipe = try R.load(file: file, settings: [])
      let (tree, defaults) = try R.tree(ofFile: file)
      let changes = tree.differences(from: defaults)
      try tell(
        "\(file) is a recipe of `retort \(R.command)`. "
          + (changes.isEmpty ? "It changes nothing." : "It changes"))
      for change in changes {
        try tell("  \(change.key): \(change.value), not \(change.other)")
      }
      let missing = recipe.sources.filter {
        $0 != "-" && !$0.contains("*") && !FileManager.default.fileExists(atPath: $0)
      }
      for path in missing { warn("\(path), which it reads, is not here.") }
      if !missing.isEmpty { throw ExitCode.failure }
    }
  }
}
