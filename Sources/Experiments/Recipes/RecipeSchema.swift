// Every key of a recipe, read from the recipe's default value.

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

    var key: String { path.joined(separator: ".") }

    /// What values it takes, as a sentence of its description; empty where any of its type will do.
    package var range: String {
      if !words.isEmpty { return "One of \(words.joined(separator: ", "))." }
      return bounds.map { "\($0.words.prefix(1).uppercased())\($0.words.dropFirst())." } ?? ""
    }
  }

  package private(set) var entries: [Entry] = []

  /// The keys of sections that share one file; of keys with one name the first section describes it.
  init(of sections: [any RecipeSection]) {
    for section in sections { add(section, []) }
  }

  func entry(_ key: String) -> Entry? { entries.first { $0.key == key } }

  private mutating func add(_ section: any RecipeSection, _ path: [String]) {
    for child in Mirror(reflecting: section).children {
      guard let key = child.value as? any DescribedKey, let label = child.label else { continue }
      // A wrapper's storage has the property's name after a low line.
      let whole = path + [snakeCase(String(label.dropFirst()))]
      let inner = key.value as? any RecipeSection
      if !entries.contains(where: { $0.path == whole }) {
        let last = path.isEmpty ? nil : entries.lastIndex { $0.path.starts(with: path) }
        entries.insert(
          Entry(
            path: whole, meaning: key.meaning, bounds: key.bounds, words: key.words,
            isSection: inner != nil), at: last.map { $0 + 1 } ?? entries.count)
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
}

extension Key: DescribedKey {
  fileprivate var value: any Codable { wrappedValue }
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
