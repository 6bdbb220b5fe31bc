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
  static var kinds: [RecipeKind<TrainRecipe>] {
    [
      LanguageTrainingTask.kind,
      // Recipes that earlier versions wrote have its keys.
      RecipeKind("sentence encoders", parts: [JudgedPairsRecipe()]) { _ in false },
    ]
  }
}

extension LoadedRecipe<DistillRecipe> {
  /// The distillation, whose models lie in `folder`.
  func experiment(in folder: RunFolder) throws -> Experiment {
    guard let task = tasks.first(where: { $0.kindName == kind.name }) else {
      fatal("a recipe is of a kind that is known")
    }
    let experiment = Experiment(recipe, try task.init(recipe, in: folder), in: folder)
    tellNotices()
    return experiment
  }
}

extension LoadedRecipe<TrainRecipe> {
  /// The training, whose model lies in `folder`.
  func training(in folder: RunFolder) throws -> SingleTraining {
    let training = SingleTraining(
      recipe, try LanguageTrainingTask(recipe, in: folder), in: folder)
    tellNotices()
    return training
  }
}

extension LoadedRecipe {
  /// A line for each thing that a person should know of the keys that they used.
  func tellNotices() {
    for notice in notices { note(notice) }
  }
}

extension CommandRecipe {
  /// The recipe of a file and of settings.
  static func load(file: String?, settings: [String] = []) throws -> LoadedRecipe<Self> {
    if let file, let read = RecipeFile(file), read.isOfTraining != (command == TrainRecipe.command)
    {
      let other = read.isOfTraining ? TrainRecipe.command : DistillRecipe.command
      if read.isOfTraining || read["teacher.path"] != nil || read["student.steps"] != nil {
        throw UserError("\(file) is a recipe of `retort \(other)`.")
      }
    }
    return try load(file: file, settings: settings, kinds: kinds)
  }
}

extension LanguageTask {
  /// A recipe of language models, whatever its teacher is.
  static func recipe(file: String? = nil, settings: [String]) throws -> DistillRecipe {
    let language = RecipeKind<DistillRecipe>(kindName, parts: recipeParts)
    let loaded = try DistillRecipe.load(
      file: file, settings: settings, kinds: [language] + DistillRecipe.kinds)
    loaded.tellNotices()
    return loaded.recipe
  }
}
