// A recipe's keys and values before they are a recipe, with the places they come from.
import Base
import Foundation
import Storage
import Yams

/// The defaults of a recipe as YAML, changed by files and settings. Its keys are those of several sections, each of which reads
/// its own.
package struct RecipeTree {
  private(set) var node: Node
  /// The file that was read, and the line of each key in it.
  private var file: String?
  private var lines: [String: Int] = [:]

  package let schema: RecipeSchema
  /// Names that keys had, with those they have now.
  private let formerNames: [String: String]
  /// Keys that mean nothing for these models: they are read, and not written.
  private let absent: Set<String>

  /// What a person should know of the keys that they used, such as names that have changed.
  private(set) var notices: [String] = []

  /// The tree of a recipe with all of its keys.
  package init(_ recipe: some Recipe) throws {
    let sections = recipe.sections
    node = try sections.map { try Self.node(of: $0) }.reduce(.mapping([:]), Self.merged)
    schema = RecipeSchema(of: sections)
    absent = recipe.parts.reduce(into: []) { $0.formUnion(type(of: $1).absentKeys) }
    formerNames = recipe.parts.reduce(into: [:]) { $0.merge(type(of: $1).formerNames) { $1 } }
  }

  /// The defaults of one section.
  private static func node(of section: some RecipeSection) throws -> Node {
    // The encoder writes 0.1 as 1e-1.
    let text = try YAMLEncoder().encode(section).replacing(
      /(?m)(: |- )(-?[0-9.]+e[+-]?[0-9]+)$/
    ) { match in Double(match.2).map { "\(match.1)\($0)" } ?? String(match.0) }
    guard let node = try Yams.compose(yaml: text) else { fatal("a recipe has keys") }
    return renamed(node, by: snakeCase)
  }

  /// The keys of both; of those with one name the first has the say.
  private static func merged(_ first: Node, _ second: Node) -> Node {
    guard case .mapping(var all) = first, case .mapping(let more) = second else { return first }
    for (key, value) in more { all[key] = all[key].map { merged($0, value) } ?? value }
    return .mapping(all)
  }

  private static func renamed(_ node: Node, by rename: (String) -> String) -> Node {
    switch node {
    case .mapping(let mapping):
      Node(mapping.map { (Node(rename($0.key.string ?? "?")), renamed($0.value, by: rename)) })
    case .sequence(let items):
      .sequence(Node.Sequence(items.map { renamed($0, by: rename) }, .implicit, items.style))
    default: node
    }
  }

  package func yaml() throws -> String { try Yams.serialize(node: written(node, [])) }

  private func written(_ node: Node, _ path: [String]) -> Node {
    guard case .mapping(let mapping) = node else { return node }
    return Node(
      mapping.compactMap { key, value in
        let whole = path + [key.string ?? "?"]
        guard !absent.contains(whole.joined(separator: ".")) else { return nil }
        return (key, written(value, whole))
      })
  }

  /// The keys that mean something, in their order.
  package var entries: [RecipeSchema.Entry] { schema.entries.filter { !isAbsent($0.path) } }

  /// Whether a key or a section that it is in means nothing.
  private func isAbsent(_ path: [String]) -> Bool {
    path.indices.contains { absent.contains(path[...$0].joined(separator: ".")) }
  }

  /// Whether a key means something.
  package func has(_ key: String) -> Bool { schema.entry(key).map { !isAbsent($0.path) } ?? false }

  /// The recipe that the tree holds, with the parts of `prototype`, its numbers within their bounds.
  package func recipe<R: Recipe>(like prototype: R) throws -> R {
    try requireFinite()
    let named = Self.renamed(node, by: camelCase)
    func read<Section: RecipeSection>(_ section: Section) throws -> Section {
      do { return try YAMLDecoder().decode(Section.self, from: named) } catch let error
        as DecodingError
      { throw explanation(error) }
    }
    var recipe = try read(prototype)
    recipe.parts = try prototype.parts.map { try read($0) }
    try requireBounds(of: schema)
    return recipe
  }

  /// Throws where a number, alone or in a list, lies outside of the bounds that a schema of defaults has for it.
  func requireBounds(of schema: RecipeSchema) throws {
    func numbers(_ node: Node) -> [Double] {
      node.sequence.map { $0.flatMap(numbers) } ?? node.float.map { [$0] } ?? []
    }
    for entry in schema.entries {
      guard let bounds = entry.bounds, let node = value(entry.path) else { continue }
      try require(numbers(node).allSatisfy(bounds.contains), entry.key, bounds.words)
    }
  }

  private func value(_ path: [String]) -> Node? {
    path.reduce(Optional(node)) { node, name in node?[name] }
  }

  /// The words that a key takes, where these are few.
  package func words(of key: String) -> [String] { schema.entry(key)?.words ?? [] }

  /// A key's value as YAML has it on one line.
  package func line(of path: [String]) -> String { value(path).map(Self.line) ?? "" }

  /// The same for a key with dots; nil where the recipe has no such key.
  package func line(of key: String) -> String? { schema.entry(key).map { line(of: $0.path) } }

  static func line(_ node: Node) -> String {
    switch node {
    case .sequence(let items): "[\(items.map(line).joined(separator: ", "))]"
    case .mapping(let mapping):
      "{\(mapping.map { "\($0.key.string ?? ""): \(line($0.value))" }.joined(separator: ", "))}"
    case .scalar(let scalar) where scalar.string.contains("\n"): scalar.string.json
    default:
      ((try? Yams.serialize(node: node)) ?? "").split(separator: "\n").first.map(String.init) ?? ""
    }
  }

  /// The keys whose values are not those of another tree of the same recipe.
  package func differences(from other: RecipeTree) -> [RecipeChange] {
    schema.entries.filter { !$0.isSection }.compactMap { entry in
      let (mine, theirs) = (line(of: entry.path), other.line(of: entry.path))
      // 1 and 1.0 are one number.
      let areEqual = Double(mine).map { $0 == Double(theirs) } ?? (mine == theirs)
      return areEqual ? nil : RecipeChange(key: entry.key, value: mine, other: theirs)
    }
  }

  /// Where the value of a key comes from, if a file gave it.
  package func place(of key: String) -> String? {
    guard let file, let line = lines[key] else { return nil }
    return "\(file), line \(line)"
  }

  package mutating func change(byFile file: String) throws {
    let text: String
    do { text = try String(contentsOfText: URL(fileURLWithPath: file)) } catch {
      throw UserError("\(error)")
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
  package mutating func change(bySetting setting: String) throws {
    let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    let path = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, path.allSatisfy({ !$0.isEmpty }) else {
      throw RecipeError("a setting is KEY=VALUE, not '\(setting)'.")
    }
    // Nothing is an empty text.
    let yaml = parts[1].isEmpty ? "''" : parts[1]
    guard let value = try? Yams.compose(yaml: yaml) else {
      throw RecipeError("\(setting): the value is not YAML.")
    }
    let change = path.reversed().reduce(value) { inner, key in
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
      let full = formerNames[given] ?? given
      if full != given {
        // What wrote both names left the other one empty.
        if value.sequence?.isEmpty == true { continue }
        name = full.split(separator: ".").last.map(String.init) ?? full
        let said = "\(given) is called \(full) now"
        guard renamed.insert(full).inserted, changed[name] == nil else {
          throw RecipeError("\(said): name all there.")
        }
        notices.append("\(said).")
      }
      lines[full] = isFile ? key.mark?.line : nil
      guard let old = known[name] else {
        let near = nearest(to: name, in: known.keys.compactMap(\.string)).map {
          "Did you mean \((path + [$0]).joined(separator: "."))? "
        }
        throw RecipeError(
          "there is no key \(full). \(near ?? "")Known here: \(Self.keys(known)).", key: full)
      }
      known[name] = try overlay(value, on: old, path + [name], isFile: isFile)
    }
    return .mapping(known)
  }

  /// Throws where a value is infinite or no number: no key of a recipe means anything by it.
  private func requireFinite() throws { try requireFinite(node, []) }

  private func requireFinite(_ node: Node, _ path: [String]) throws {
    if let entry = schema.entry(path.joined(separator: ".")), entry.isText { return }
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
