// A recipe with all of its keys and their meanings, as YAML with comments.

extension Recipe {
  /// Every key with its meaning, its range and its value, in lines of at most 100 columns.
  func description() throws -> String {
    let tree = try RecipeTree(self)
    let head = comment(
      "What `retort \(Self.command)` takes, with the defaults. A recipe needs only the keys that differ.",
      indent: "")
    let body = tree.schema.entries.map { entry in
      let indent = String(repeating: "  ", count: entry.path.count - 1)
      let words = [entry.meaning, entry.range].filter { !$0.isEmpty }.joined(separator: " ")
      let value = entry.isSection ? "" : " \(tree.line(of: entry.path))"
      return (entry.path.count == 1 ? "\n" : "") + comment(words, indent: indent)
        + "\n\(indent)\(entry.path[entry.path.count - 1]):\(value)"
    }
    return ([head] + body).joined(separator: "\n")
  }

  /// What a file changes of the defaults, as it stands.
  static func changes(ofFile file: String) throws -> [RecipeTree.Difference] {
    let defaults = try RecipeTree(Self())
    var tree = defaults
    try tree.change(byFile: file)
    return tree.differences(from: defaults)
  }
}

private func comment(_ words: String, indent: String) -> String {
  wrap(words, to: 100 - indent.count - 2, indent: 0).split(separator: "\n")
    .map { "\(indent)# \($0)" }.joined(separator: "\n")
}
