// Every key of a recipe, read from the recipe's default value.
import Base

/// The keys of a recipe in their order.
package struct RecipeSchema {
  package struct Entry {
    /// Names from the top of the recipe, as they stand in files.
    package let path: [String]
    package let meaning: String
    let bounds: KeyBounds?
    /// The words it takes, where these are few.
    let words: [String]
    /// Whether it holds keys itself.
    package let isSection: Bool
    /// Whether it holds texts, which may look like numbers.
    let isText: Bool

    var key: String { path.joined(separator: ".") }

    /// What values it takes, as a sentence of its description; empty where any of its type will do.
    package var range: String {
      if !words.isEmpty { return "One of \(words.joined(separator: ", "))." }
      return bounds.map { "\($0.words.prefix(1).uppercased())\($0.words.dropFirst())." } ?? ""
    }
  }

  package private(set) var entries: [Entry] = []

  /// The keys of sections that share one file; of keys with one name the first section describes it. Traps where a section is not
  /// what a recipe needs.
  init(of sections: [any RecipeSection]) {
    for section in sections { add(section, []) }
  }

  /// Traps where two sections of one recipe have the same key: each would read what the other one means.
  static func requireDisjoint(_ sections: [any RecipeSection]) {
    var (keys, groups): ([String: any RecipeSection.Type], [String: any RecipeSection.Type]) =
      ([:], [:])
    for section in sections {
      for entry in RecipeSchema(of: [section]).entries {
        if let other = keys[entry.key] ?? (entry.isSection ? nil : groups[entry.key]) {
          fatal("\(type(of: section)) and \(other) both have the key \(entry.key) of a recipe")
        }
        if entry.isSection {
          groups[entry.key] = type(of: section)
        } else {
          keys[entry.key] = type(of: section)
        }
      }
    }
  }

  func entry(_ key: String) -> Entry? { entries.first { $0.key == key } }

  private mutating func add(_ section: any RecipeSection, _ path: [String]) {
    for child in Mirror(reflecting: section).children {
      guard let label = child.label, !(child.value is [any RecipePart]) else { continue }
      guard let key = child.value as? any DescribedKey else {
        fatal("\(type(of: section)).\(label) is no key: write @Key before it")
      }
      // A wrapper's storage has the property's name after a low line.
      let whole = path + [snakeCase(String(label.dropFirst()))]
      let inner = key.value as? any RecipeSection
      demand(
        !label.dropFirst().contains("_"),
        "\(type(of: section)).\(label.dropFirst()) has a name with capitals, not low lines: files have it in snake case"
      )
      demand(
        !(key.isEnumeration && key.words.isEmpty),
        "\(type(of: section)).\(label.dropFirst()) is an enumeration without texts: write `enum \(type(of: key.value)): String`"
      )
      if let bounds = key.bounds {
        demand(
          numbers(in: key.value).allSatisfy(bounds.contains),
          "the default of \(type(of: section)).\(label.dropFirst()) must be \(bounds.words)")
      }
      if !entries.contains(where: { $0.path == whole }) {
        let last = path.isEmpty ? nil : entries.lastIndex { $0.path.starts(with: path) }
        entries.insert(
          Entry(
            path: whole, meaning: key.meaning, bounds: key.bounds, words: key.words,
            isSection: inner != nil, isText: key.value is String || key.value is [String]),
          at: last.map { $0 + 1 } ?? entries.count)
      }
      if let inner { add(inner, whole) }
    }
  }
}

private protocol DescribedKey {
  var value: any Codable { get }
  var meaning: String { get }
  var bounds: KeyBounds? { get }
  var words: [String] { get }
  var isEnumeration: Bool { get }
}

extension Key: DescribedKey {
  fileprivate var value: any Codable { wrappedValue }
  fileprivate var isEnumeration: Bool { Value.self is any CaseIterable.Type }
}

/// The numbers of a value, alone or in lists.
private func numbers(in value: Any) -> [Double] {
  switch value {
  case let list as [Any]: list.flatMap(numbers)
  case let number as any BinaryInteger: [Double(number)]
  case let number as any BinaryFloatingPoint: [Double(number)]
  default: []
  }
}

/// A name of Swift's as a recipe has it: `sequenceLength` is `sequence_length`.
func snakeCase(_ name: String) -> String {
  name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
}

/// A recipe's name as Swift has it.
func camelCase(_ name: String) -> String {
  let parts = name.split(separator: "_", omittingEmptySubsequences: false)
  return (parts.first.map(String.init) ?? "")
    + parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
}
