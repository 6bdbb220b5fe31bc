// A recipe's keys and values before they are a recipe, with the places they come from.
import Foundation
import Storage
import Yams

/// The defaults of a recipe as YAML, changed by files and settings.
struct RecipeTree {
  private(set) var node: Node
  /// The file that was read, and the line of each key in it.
  private var file: String?
  private var lines: [String: Int] = [:]

  init(_ defaults: Node) { node = defaults }

  /// Names that keys had, with those they have now.
  private static let formerNames = ["data.text": "data.files", "data.completions": "data.files"]

  /// Where the value of a key comes from, if a file gave it.
  func place(of key: String) -> String? {
    guard let file, let line = lines[key] else { return nil }
    return "\(file), line \(line)"
  }

  mutating func change(byFile file: String) throws {
    let text: String
    do { text = try String(contentsOfText: URL(fileURLWithPath: file)) } catch {
      throw RecipeError("cannot read \(file): \(error)")
    }
    self.file = file
    do {
      guard let changes = try Yams.compose(yaml: text) else { return }
      node = try overlay(changes, on: node, [], isFile: true)
    } catch let error as YamlError {
      throw Self.explanation(error, ofFile: file)
    }
  }

  /// Changes one key, as KEY.PATH=VALUE says.
  mutating func change(bySetting setting: String) throws {
    let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw RecipeError("--set needs KEY=VALUE, not '\(setting)'.") }
    guard let value = try? Yams.compose(yaml: parts[1]) else {
      throw RecipeError("--set \(setting): the value is not YAML.")
    }
    let change = parts[0].split(separator: ".").reversed().reduce(value) { inner, key in
      Node([(Node(String(key)), inner)])
    }
    node = try overlay(change, on: node, [], isFile: false)
  }

  /// Replaces the leaves of `base` by those of `changes`; a key that `base` has not is an error that
  /// names the nearest key it has.
  private mutating func overlay(
    _ changes: Node, on base: Node, _ path: [String], isFile: Bool
  ) throws -> Node {
    guard case .mapping(var known) = base else { return changes }
    let whole = path.joined(separator: ".")
    guard case .mapping(let changed) = changes else {
      throw RecipeError(
        "\(path.isEmpty ? "a recipe" : whole) must hold keys: \(Self.keys(known)).", key: whole)
    }
    var renamed: Set<String> = []
    for (key, value) in changed {
      var name = key.string ?? "?"
      let given = (path + [name]).joined(separator: ".")
      let full = Self.formerNames[given] ?? given
      if full != given {
        // What wrote both names left the other one empty.
        if value.sequence?.isEmpty == true { continue }
        name = full.split(separator: ".").last.map(String.init) ?? full
        let said = "\(given) is called \(full) now"
        guard renamed.insert(full).inserted, changed[name] == nil else {
          throw RecipeError("\(said): name all there.")
        }
        note("\(said).")
      }
      lines[full] = isFile ? key.mark?.line : nil
      guard let old = known[name] else {
        let near = nearest(to: name, in: known.keys.compactMap(\.string))
        throw RecipeError(
          "there is no key \(full). Did you mean \((path + [near ?? ""]).joined(separator: "."))? "
            + "Known here: \(Self.keys(known)).", key: full)
      }
      known[name] = try overlay(value, on: old, path + [name], isFile: isFile)
    }
    return .mapping(known)
  }

  /// Throws where a value is infinite or no number: no key of a recipe means anything by it.
  func requireFinite() throws { try Self.requireFinite(node, []) }

  private static func requireFinite(_ node: Node, _ path: [String]) throws {
    switch node {
    case .mapping(let mapping):
      for (key, value) in mapping { try requireFinite(value, path + [key.string ?? "?"]) }
    case .sequence(let items):
      for (index, item) in items.enumerated() { try requireFinite(item, path + ["\(index)"]) }
    case .scalar(let scalar):
      // Texts in quotes are no numbers, whatever they look like.
      guard scalar.style != .singleQuoted, scalar.style != .doubleQuoted else { return }
      if let number = node.float, !number.isFinite {
        let key = path.joined(separator: ".")
        throw RecipeError("\(key) must be a finite number.", key: key)
      }
    default: return
    }
  }

  private static func keys(_ mapping: Node.Mapping) -> String {
    mapping.keys.compactMap(\.string).joined(separator: ", ")
  }
}
