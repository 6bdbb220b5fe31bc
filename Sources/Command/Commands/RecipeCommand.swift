// `retort recipe`
import ArgumentParser
import Base
import Experiments
import Foundation
import Text

struct RecipeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipe",
    abstract: "Show what recipes can say, and check one.",
    discussion: """
      `retort recipe distill > my.yaml` and `retort recipe train > my.yaml` write every key with its meaning, default \
      and range. A recipe needs only the keys that differ. `--kind` shows the keys of another kind of models.
      """,
    subcommands: [ShowDistill.self, ShowTrain.self, Check.self], defaultSubcommand: ShowDistill.self
  )

  struct ShowDistill: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "distill", abstract: "Write every key of a distillation's recipe.")

    @Option(
      help: "The kind of models: \(DistillRecipe.kinds.map(\.word).joined(separator: " or ")).")
    var kind = LanguageTask.kind.word

    func run() throws {
      guard let kind = DistillRecipe.kinds.first(where: { $0.word == kind }) else {
        throw ValidationError(
          "--kind takes \(DistillRecipe.kinds.map(\.word).joined(separator: " or ")).")
      }
      try tell(kind.description(width: Screen.output.width))
    }
  }

  struct ShowTrain: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "train", abstract: "Write every key of a training's recipe.")

    func run() throws {
      try tell(LanguageTrainingTask.kind.description(width: Screen.output.width))
    }
  }

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Read a recipe as a run would, and say what it changes.",
      discussion: "A recipe with a key `model` is read as `retort train` would.")

    @Argument(help: ArgumentHelp("The YAML recipe.", valueName: "recipe"))
    var file: String

    func run() throws {
      if RecipeFile(file)?.isOfTraining ?? false {
        try check(TrainRecipe.self)
      } else {
        try check(DistillRecipe.self)
      }
    }

    private func check<R: CommandRecipe>(_ type: R.Type) throws {
      let loaded = try R.load(file: file)
      try tell(
        "\(file) is a recipe of `retort \(R.command)` for \(loaded.kind.name). "
          + (loaded.changes.isEmpty ? "It changes nothing." : "It changes"))
      for change in loaded.changes {
        try tell("  \(change.key): \(change.value), not \(change.other)")
      }
      let missing = loaded.recipe.sources.filter {
        $0 != "-" && !$0.contains("*") && !FileManager.default.fileExists(atPath: $0)
      }
      for path in missing { warn("\(path), which it reads, is not here.") }
      if !missing.isEmpty { throw ExitCode.failure }
    }
  }
}
