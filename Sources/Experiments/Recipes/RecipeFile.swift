// The recipe of a run as its folder has it, whatever kind of model it is for.
import Foundation
import Storage
import Yams

/// A key whose values in two recipes differ.
package struct RecipeChange {
  package let key: String
  package let value: String
  /// The value in the other recipe, such as the default.
  package let other: String
}

/// The keys and values of a recipe that was written out whole; which of them mean something, its kind of model knows.
package struct RecipeFile {
  /// Keys with dots, and their values as YAML has them on one line.
  package private(set) var lines: [(key: String, value: String)] = []

  /// nil where the file cannot be read, which loading it explains.
  package init?(_ file: String) {
    guard let text = try? String(contentsOfText: URL(fileURLWithPath: file)),
      let node = try? Yams.compose(yaml: text), node.mapping?.isEmpty == false
    else { return nil }
    add(node, [])
  }

  private mutating func add(_ node: Node, _ path: [String]) {
    guard case .mapping(let mapping) = node else {
      lines.append((path.joined(separator: "."), RecipeTree.line(node)))
      return
    }
    for (key, value) in mapping { add(value, path + [key.string ?? "?"]) }
  }

  package subscript(key: String) -> String? { lines.first { $0.key == key }?.value }

  /// Whether it is a recipe of `retort train`.
  package var isOfTraining: Bool {
    lines.contains { $0.key.split(separator: ".").first == "model" }
  }
}
