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
  /// The keys at its top.
  private let sections: Set<String>
  /// Values that are still looked at: a file can name one value in very many places.
  private var patience = 20_000

  /// nil where the file cannot be read, which loading it explains.
  package init?(_ file: String) {
    guard let text = try? String(contentsOfText: URL(fileURLWithPath: file)) else { return nil }
    self.init(text: text)
  }

  /// The same from the file's text.
  init?(text: String) {
    guard let node = try? Yams.compose(yaml: text), let mapping = node.mapping, !mapping.isEmpty
    else { return nil }
    sections = Set(mapping.keys.compactMap(\.string))
    add(node, [])
  }

  private mutating func add(_ node: Node, _ path: [String]) {
    guard case .mapping(let mapping) = node else {
      let isShort = spends(on: node)
      lines.append((path.joined(separator: "."), isShort ? RecipeTree.line(node) : "..."))
      return
    }
    for (key, value) in mapping where patience > 0 { add(value, path + [key.string ?? "?"]) }
  }

  /// Whether all of a value can be looked at.
  private mutating func spends(on node: Node) -> Bool {
    patience -= 1
    guard patience > 0 else { return false }
    switch node {
    case .sequence(let items):
      for item in items { guard spends(on: item) else { return false } }
    case .mapping(let mapping):
      for (_, value) in mapping { guard spends(on: value) else { return false } }
    default: break
    }
    return true
  }

  package subscript(key: String) -> String? { lines.first { $0.key == key }?.value }

  /// Whether it is a recipe of `retort train`.
  package var isOfTraining: Bool { sections.contains("model") }
}
