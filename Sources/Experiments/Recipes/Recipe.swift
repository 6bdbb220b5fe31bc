// Recipes: what every run has, and what its kind of model adds.
import Base
import Foundation

/// The keys that one kind of model adds to a recipe. They stand among those that every recipe has: a section `student` of a part and that
/// of the recipe are one section of the file.
public protocol RecipePart: RecipeSection {
  /// Sections, such as "student", whose model begins with weights that exist: lower learning rates suit it.
  var startedSections: Set<String> { get }
  /// Keys and sections with dots, of this part or of the whole recipe, that mean nothing for its models.
  static var absentKeys: Set<String> { get }
  /// Names with dots that keys had, with those they have now.
  static var formerNames: [String: String] { get }
  /// Settles what the keys leave open.
  mutating func resolve()
  /// Hands out every path, empty ones among them, so that relative ones can be made absolute.
  mutating func eachPath(_ body: (inout String) -> Void)
  /// Throws where values do not go together.
  func validate() throws
}

extension RecipePart {
  public var startedSections: Set<String> { [] }
  public static var absentKeys: Set<String> { [] }
  public static var formerNames: [String: String] { [:] }
  public mutating func resolve() {}
  public mutating func eachPath(_ body: (inout String) -> Void) {}
  public func validate() throws {}
}

/// A recipe that can be read from a file. Its default value is also its schema: only keys that the
/// default has are known.
package protocol Recipe: RecipeSection {
  /// The command that takes it.
  static var command: String { get }
  /// What its kind of model adds.
  var parts: [any RecipePart] { get set }
  /// Settles what the recipe leaves open, once its parts are settled.
  mutating func resolve()
  func validate() throws
}

/// A recipe that cannot be used, and why.
package struct RecipeError: Error, CustomStringConvertible {
  private let reason: String
  /// The key with the value that cannot be used, where there is one.
  package let key: String?
  /// Where that value stands, such as "book.yaml, line 3".
  package var place: String?

  package init(_ reason: String, key: String? = nil) { (self.reason, self.key) = (reason, key) }

  package var description: String { "\(place ?? "Recipe"): \(reason)" }
}

/// Throws unless a value of a recipe lies where it must.
package func require(_ holds: Bool, _ key: String, _ range: String) throws {
  if !holds { throw RecipeError("\(key) must be \(range).", key: key) }
}

extension Recipe {
  /// All keys of its file, in their order.
  var sections: [any RecipeSection] { parts + [self] }

  /// Changes the keys of one part.
  package mutating func change<Part: RecipePart>(
    _ type: Part.Type, _ body: (inout Part) throws -> Void
  ) rethrows {
    var part = parts.part(type)
    try body(&part)
    parts = parts.map { $0 is Part ? part : $0 }
  }

  /// Settles everything that is left open.
  package mutating func settle() {
    for index in parts.indices { parts[index].resolve() }
    resolve()
  }

  /// The defaults of its kind of model, settled.
  package var defaults: Self {
    var defaults = Self()
    defaults.parts = parts.map { type(of: $0).init() }
    defaults.settle()
    return defaults
  }

  /// Whether the model of a section begins with weights that exist.
  func isStarted(_ section: String) -> Bool {
    parts.contains { $0.startedSections.contains(section) }
  }

  private mutating func eachPath(_ body: (inout String) -> Void) {
    for index in parts.indices { parts[index].eachPath(body) }
  }

  /// The files and folders that a run of the recipe reads.
  package var sources: [String] {
    var (copy, paths) = (self, [String]())
    copy.eachPath { if !$0.isEmpty { paths.append($0) } }
    return paths
  }

  /// Makes relative paths those of the working directory, so that a run can go on from any place, and `~` the home folder.
  package mutating func makePathsAbsolute() {
    eachPath { path in
      guard !path.isEmpty else { return }
      path = URL(fileURLWithPath: (path as NSString).expandingTildeInPath).path
    }
  }

  /// The recipe as YAML, every key written out.
  package func yaml() throws -> String { try RecipeTree(self).yaml() }
}

extension [any RecipePart] {
  /// The keys of one part; traps where the recipe was made without them.
  package func part<Part: RecipePart>(_ type: Part.Type) -> Part {
    guard let part = lazy.compactMap({ $0 as? Part }).first else {
      fatal("the recipe has no \(type): make it for the task that reads it")
    }
    return part
  }
}
