// A recipe with all of its keys and their meanings, as YAML with comments.
import Experiments

extension RecipeKind {
  /// Its name as an option takes it.
  var word: String { name.replacing(" ", with: "-") }

  /// Every key with its meaning, its range and its value, in lines of at most 100 columns, or of a narrower screen's.
  func description(width: Int? = nil) throws -> String {
    let tree = try RecipeTree(recipe)
    let head = comment(
      width: min(100, width ?? 100),
      "What `retort \(R.command)` takes for \(name), with the defaults. A recipe needs only the keys "
        + "that differ.", indent: "")
    let body = tree.schema.entries.map { entry in
      let indent = String(repeating: "  ", count: entry.path.count - 1)
      let words = [entry.meaning, entry.range].filter { !$0.isEmpty }.joined(separator: " ")
      let value = entry.isSection ? "" : " \(tree.line(of: entry.path))"
      return (entry.path.count == 1 ? "\n" : "")
        + comment(width: min(100, width ?? 100), words, indent: indent)
        + "\n\(indent)\(entry.path[entry.path.count - 1]):\(value)"
    }
    return ([head] + body).joined(separator: "\n")
  }
}

private func comment(width: Int, _ words: String, indent: String) -> String {
  wrap(words, to: width - indent.count - 2, indent: 0).split(separator: "\n")
    .map { "\(indent)# \($0)" }.joined(separator: "\n")
}
