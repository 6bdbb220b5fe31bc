// What a command's recipes can say.
import Experiments

extension RecipeKind {
  /// Its name as an option takes it.
  var word: String { name.replacing(" ", with: "-") }

  /// Every key with its meaning, its range and its value, in lines of at most 100 columns, or of a narrower screen's.
  func description(width: Int? = nil) throws -> String {
    let (width, tree) = (min(100, width ?? 100), try RecipeTree(recipe))
    let head = yamlComment(
      "What `retort \(R.command)` takes for \(name), with the defaults. A recipe needs only the keys that differ.",
      width: width)
    return head + "\n" + tree.explanation(by: tree, width: width)
  }
}
