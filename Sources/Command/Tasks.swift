// The kinds of models that a distillation can be for.
import Base
import Experiments
import Sentences
import Text

/// Every kind, asked in this order; the last takes what no other does.
private var tasks: [any RecipeTask.Type] { [SentenceTask.self, LanguageTask.self] }

/// The task of a recipe, whose models lie in `folder`.
func task(_ recipe: DistillRecipe, in folder: RunFolder) throws -> any LearningTask {
  guard let kind = try tasks.first(where: { try $0.takes(recipe) }) else {
    fatal("a kind of model takes what no other does")
  }
  return try kind.init(recipe, in: folder)
}
