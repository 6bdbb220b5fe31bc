// A recipe with all of its keys and their meanings, as YAML with comments.

extension RecipeTree {
  /// Every key with its meaning and range, which `described` knows, and its value, in lines of at most `width` columns.
  package func explanation(by described: RecipeTree, width: Int = 100) -> String {
    described.entries.map { entry in
      let indent = String(repeating: "  ", count: entry.path.count - 1)
      let words = [entry.meaning, entry.range].filter { !$0.isEmpty }.joined(separator: " ")
      let value = entry.isSection ? "" : " \(line(of: entry.path))"
      return (entry.path.count == 1 ? "\n" : "")
        + yamlComment(words, width: width, indent: indent)
        + "\n\(indent)\(entry.path[entry.path.count - 1]):\(value)"
    }.joined(separator: "\n")
  }
}

/// Words as a comment, broken into lines between them.
package func yamlComment(_ words: String, width: Int, indent: String = "") -> String {
  var lines = [""]
  for word in words.split(separator: " ") {
    let last = lines[lines.count - 1]
    if !last.isEmpty, indent.count + 2 + last.count + 1 + word.count > width {
      lines.append(String(word))
    } else {
      lines[lines.count - 1] += (last.isEmpty ? "" : " ") + word
    }
  }
  return lines.map { "\(indent)# \($0)" }.joined(separator: "\n")
}
