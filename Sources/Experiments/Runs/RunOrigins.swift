// What a run started from, so that it goes on from the same.
import Base
import Foundation
import Models
import Storage

/// Fingerprints of all that a run reads: recipe, texts, models, cache. `origins.json` keeps them; a run that goes
/// on compares.
public struct RunOrigins {
  package static let fileName = "origins.json"

  private var parts: [(name: String, fingerprint: String)] = []
  /// Fingerprints that parts may have as well.
  private var alternatives: [String: String] = [:]

  package init() {}

  /// Adds what is read under a name that a sentence can use, such as "the data".
  public mutating func add(_ name: String, _ fingerprint: String) {
    parts.append((name, fingerprint))
  }

  private static let training = "the training of "
  private static let recipe = "recipe.yaml"
  private static let program = "the program's recipe"
  private static let shorterRun = "the run before it became longer"

  /// Adds what a kind of training is: its formula, and the shapes of its model.
  package mutating func add(training name: String, _ text: String) {
    add(Self.training + "the \(name)", text: text)
  }

  /// Adds what a text says.
  package mutating func add(_ name: String, text: String) { add(name, Self.fingerprint(text)) }

  /// Adds the folder that a model starts from, if there is one.
  package mutating func add(_ name: String, folder path: String) throws {
    guard !path.isEmpty else { return }
    add(name, try ModelDirectory(URL(fileURLWithPath: path)).fingerprint())
  }

  /// The recipe, as it is written out, or as a file has it: another version writes the same recipe in another order.
  package mutating func add(_ recipe: some Recipe, writtenTo file: URL) throws {
    add(Self.recipe, text: try recipe.yaml())
    if let text = try? String(contentsOf: file, encoding: .utf8) {
      alternatives[Self.recipe] = Self.fingerprint(text)
    }
  }

  /// Adds the recipe of a program, before anything is settled.
  mutating func add(program: String) { add(Self.program, text: program) }

  private subscript(name: String) -> String? {
    get { parts.first { $0.name == name }?.fingerprint }
    set {
      parts.removeAll { $0.name == name }
      if let newValue { add(name, newValue) }
    }
  }

  /// What a recipe was before the run became longer, which a process that ended in between has left.
  private static func before(_ name: String) -> String { "\(name) before" }

  /// These origins once the recipe has more steps, and a program's if it has one. Checkpoints are those of the same run.
  func lengthened(by recipe: some Recipe, program: String?) throws -> RunOrigins {
    var longer = self
    longer[Self.shorterRun] = identity
    for (name, text) in [(Self.recipe, try recipe.yaml()), (Self.program, program)] {
      guard let new = text.map(Self.fingerprint), let old = self[name], new != old else { continue }
      (longer[Self.before(name)], longer[name]) = (old, new)
    }
    return longer
  }

  /// What tells the run from others, in one word, however long it has become.
  var identity: String { self[Self.shorterRun] ?? fingerprint }

  /// What tells these origins from others, in one word.
  private var fingerprint: String {
    Self.fingerprint(parts.map { "\($0.name) \($0.fingerprint)" }.joined(separator: "\n"))
  }

  private static func fingerprint(_ text: String) -> String {
    Fingerprint(of: Data(text.utf8)).description
  }

  package var text: String {
    let members = parts.map { ($0.name, JSON.string($0.fingerprint)) }
    return JSON.object(JSON.Object(members + [("checksum", .string(fingerprint))])).text
  }

  /// These origins as the run in a folder noted them; throws where something has changed since.
  package func same(in folder: RunFolder) throws -> RunOrigins {
    let file = folder.url.appending(path: Self.fileName)
    let known = try JSON(contentsOf: file).object
    var stored = RunOrigins()
    for member in known?.members ?? [] where member.key != "checksum" {
      stored.add(member.key, member.value.string ?? "")
    }
    guard known?["checksum"]?.string == stored.fingerprint else {
      throw UserError(
        "\(file.path) is damaged: what the run began with is not known.", remedy: .startAnew)
    }
    guard parts.allSatisfy({ known?[$0.name] != nil }) else {
      throw UserError(
        "The run in \(folder.name) was begun by another version, which read other things.",
        remedy: .startAnew)
    }
    let all = parts.filter { part in
      let own = [part.fingerprint, alternatives[part.name]]
      let known = [stored[part.name], stored[Self.before(part.name)]].compactMap { $0 }
      return !known.contains(where: own.contains)
    }.map(\.name)
    // Trainings change with what they follow from.
    let causes = all.filter { !$0.hasPrefix(Self.training) }
    let changed = causes.isEmpty ? all : causes
    guard changed.isEmpty else {
      throw UserError(
        "\(changed.joined(separator: " and ")) \(changed.count == 1 && changed != ["the data"] ? "has" : "have") changed "
          + "since the run in \(folder.name) began, so it cannot go on as it would have. Put back what was there, or begin a "
          + "run in another folder.",
        remedy: .startAnew)
    }
    return stored
  }
}
