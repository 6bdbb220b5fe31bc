// `retort recipe`
import ArgumentParser
import Base
import Experiments
import Foundation
import Storage
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

    @Option(help: "The kind of models: \(words.joined(separator: " or ")).")
    var kind = LanguageTask.kind.word

    private static var words: [String] { DistillRecipe.kinds.map(\.word) }

    func validate() throws {
      guard !Self.words.contains(kind) else { return }
      let near = nearest(to: kind, in: Self.words).map { " Did you mean \($0)?" } ?? ""
      throw ValidationError("--kind takes \(Self.words.joined(separator: " or ")).\(near)")
    }

    func run() throws {
      for known in DistillRecipe.kinds where known.word == kind {
        try tell(known.description(width: Screen.output.width))
      }
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
      discussion: """
        A recipe with a key `model` is read as `retort train` would. The kind of models follows from the teacher; where the recipe names \
        none, from the keys that it has.
        """)

    @Argument(help: ArgumentHelp("The YAML recipe.", valueName: "recipe"))
    var file: String

    func run() throws {
      if RecipeFile(file)?.isOfTraining ?? false {
        try check(try TrainRecipe.load(file: file))
      } else {
        try check(try distillation())
      }
    }

    /// The recipe for the kind of its teacher; where that is not there, for the kind that passes over the fewest of its keys.
    private func distillation() throws -> LoadedRecipe<DistillRecipe> {
      let read = RecipeFile(file)
      let path = read?["teacher.path"].map { ($0 as NSString).expandingTildeInPath } ?? ""
      guard let keys = read?.lines.map(\.key), !FileManager.default.fileExists(atPath: path) else {
        return try DistillRecipe.load(file: file)
      }
      let counted = try DistillRecipe.kinds.map { ($0, count: try $0.countUnread(keys)) }
      let kinds: [RecipeKind<DistillRecipe>] = counted.sorted { $0.count < $1.count }
        .map { RecipeKind($0.0.name, parts: $0.0.parts) }
      guard Set(counted.map(\.count)).count > 1 else { return try DistillRecipe.load(file: file) }
      return try DistillRecipe.load(file: file, settings: [], kinds: kinds)
    }

    private func check<R: CommandRecipe>(_ loaded: LoadedRecipe<R>) throws {
      try tell(
        "\(file) is a recipe of `retort \(R.command)` for \(loaded.kind.name). "
          + (loaded.changes.isEmpty ? "It changes nothing." : "It changes"))
      for change in loaded.changes {
        try tell("  \(change.key): \(change.value), not \(change.other)")
      }
      loaded.tellNotices()
      var recipe = loaded.recipe
      recipe.makePathsAbsolute()
      let missing = recipe.sources.filter {
        $0 != "-" && !$0.contains("*") && !FileManager.default.fileExists(atPath: $0)
      }
      for path in missing { warn("\(path), which it reads, is not here.") }
      if !missing.isEmpty { throw ExitCode.failure }
    }
  }
}
