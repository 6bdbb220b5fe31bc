// The kinds of models that commands can be for.
import Base
import Experiments
import Sentences
import Text

/// Every kind of a distillation, asked in this order; the last takes what no other does.
private var tasks: [any RecipeTask.Type] { [SentenceTask.self, LanguageTask.self] }

/// A recipe's command, with the kinds of models that it is for.
protocol CommandRecipe: Recipe {
  static var kinds: [RecipeKind<Self>] { get }
}

extension DistillRecipe: CommandRecipe {
  static var kinds: [RecipeKind<DistillRecipe>] { tasks.map { $0.kind } }
}

extension TrainRecipe: CommandRecipe {
  static var kinds: [RecipeKind<TrainRecipe>] { [LanguageTrainingTask.kind] }
}

extension LoadedRecipe<DistillRecipe> {
  /// The distillation, whose models lie in `folder`.
  func experiment(in folder: RunFolder) throws -> Experiment {
    guard let task = tasks.first(where: { $0.kindName == kind.name }) else {
      fatal("a recipe is of a kind that is known")
    }
    return Experiment(recipe, try task.init(recipe, in: folder), in: folder)
  }
}

extension LoadedRecipe<TrainRecipe> {
  /// The training, whose model lies in `folder`.
  func training(in folder: RunFolder) throws -> SingleTraining {
    SingleTraining(recipe, try LanguageTrainingTask(recipe, in: folder), in: folder)
  }
}

extension CommandRecipe {
  /// The recipe of a file and of settings, with a line for what a person should know of its keys.
  static func load(file: String?, settings: [String] = []) throws -> LoadedRecipe<Self> {
    let loaded = try load(file: file, settings: settings, kinds: kinds)
    for notice in loaded.notices { note(notice) }
    return loaded
  }
}

extension LanguageTask {
  /// A recipe of language models, whatever its teacher is.
  static func recipe(file: String? = nil, settings: [String]) throws -> DistillRecipe {
    try .load(file: file, settings: settings, parts: recipeParts)
  }
}
