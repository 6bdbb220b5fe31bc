// What a model comes from: `lineage.json` in its folder.
import Base
import Foundation
import Models
import Storage
import Terms

/// A model's weights, the models and answers that it has learnt from, their terms, and what was found of it.
package struct Lineage {
  package static let fileName = ModelDirectory.lineage
  private static let schema = "retort-lineage-1"

  /// A file of a model, with the SHA-256 of its bytes.
  package struct File: Equatable, Sendable {
    package let name: String
    package let sha256: String
  }

  /// What the model is.
  package var model: Model
  /// How it was made: weights before training, loss, steps, seed.
  let training: JSON.Object
  /// What it comes from, and what that came from in its turn.
  package private(set) var sources: [LineageSource]
  /// The data in words, with their fingerprint and the names of their files.
  let data: JSON.Object
  /// What a run found of it, in sentences.
  var findings: [String]

  /// A model as others name it.
  package struct Model {
    package var name: String
    let task: String
    let architecture: String
    let family: String
    let parameterCount: Int
    /// Weights, configuration and tokenizer.
    package var files: [File]

    fileprivate var json: JSON {
      [
        "name": .string(name), "task": .string(task), "architecture": .string(architecture),
        "family": .string(family), "parameters": JSON(parameterCount),
        "files": .array(files.map(\.json)),
      ]
    }

    init(
      name: String, task: String, architecture: String, family: String, parameterCount: Int,
      files: [File] = []
    ) {
      (self.name, self.task, self.architecture) = (name, task, architecture)
      (self.family, self.parameterCount, self.files) = (family, parameterCount, files)
    }

    fileprivate init?(_ json: JSON?) {
      guard let name = json?["name"]?.string else { return nil }
      self.name = name
      task = json?["task"]?.string ?? "other"
      architecture = json?["architecture"]?.string ?? ""
      family = json?["family"]?.string ?? ""
      parameterCount = json?["parameters"]?.int ?? 0
      files = (json?["files"]?.array ?? []).compactMap(File.init)
    }
  }

  init(
    _ model: Model, training: JSON.Object, sources: [LineageSource], about: RunAbout?
  ) {
    (self.model, self.training, self.sources) = (model, training, sources)
    data = JSON.Object([
      ("description", .string(about?.data ?? "")),
      ("fingerprint", .string(about?.dataFingerprint ?? "")),
      ("files", .array((about?.files ?? []).map { .string($0) })),
    ])
    findings = []
  }

  /// Reads what `text` wrote; nil where a folder has no such file, or one of somebody else's.
  package init?(in folder: URL) {
    guard let json = try? JSON(contentsOf: folder.appending(path: Self.fileName)),
      json["schema"]?.string == Self.schema, let model = Model(json["model"])
    else { return nil }
    self.model = model
    training = json["training"]?.object ?? JSON.Object()
    sources = (json["sources"]?.array ?? []).compactMap(LineageSource.init)
    data = json["data"]?.object ?? JSON.Object()
    findings = (json["findings"]?.array ?? []).compactMap(\.string)
  }

  /// What the terms of its sources ask of it, each once.
  package var duties: [(terms: String, duty: Duty)] {
    var seen: Set<String> = []
    return sources.flatMap { source in
      source.rules.flatMap { rule in rule.duties.map { (terms: rule.id, duty: $0) } }
    }.filter { seen.insert("\($0.terms) \($0.duty)").inserted }
  }

  package var text: String {
    let duties: [JSON] = duties.map {
      ["terms": .string($0.terms), "duty": .string($0.duty.description)]
    }
    let json: JSON = [
      "schema": .string(Self.schema),
      "retort": .string(retortVersion),
      "model": model.json,
      "training": .object(training),
      "sources": .array(sources.map(\.json)),
      "data": .object(data),
      "duties": .array(duties),
      "findings": .array(findings.map { .string($0) }),
      "note": "Rules of terms are information, and no legal advice.",
    ]
    return json.text
  }

  /// Both files that say where a model comes from.
  package var records: [(name: String, text: String)] {
    [(Self.fileName, text), (BillOfMaterials.fileName, BillOfMaterials(self).text)]
  }

  /// The same for the files that a folder has now.
  package func describing(_ folder: URL, as name: String, _ hashes: FileHashes = FileHashes())
    throws -> Lineage
  {
    var lineage = self
    lineage.model.name = name
    lineage.model.files = try Self.files(in: folder, hashes)
    return lineage
  }

  /// The same where the weights that training began with lie in a folder: those that are there now. The names of files that differ from
  /// what was noted are told.
  package func withBase(in folder: URL, _ hashes: FileHashes) throws -> (
    lineage: Lineage, changed: [String]
  ) {
    var lineage = self
    guard let place = sources.firstIndex(where: { $0.role == .base && $0.through == nil }) else {
      return (lineage, [])
    }
    let now = try Self.files(in: folder, hashes)
    let before = sources[place].files
    lineage.sources[place].files = now
    return (lineage, now.filter { !before.contains($0) }.map(\.name))
  }

  /// What a model's folder holds that is a model: weights, configuration, tokenizer; or the one file that is all of that.
  static func files(in folder: URL, _ hashes: FileHashes) throws -> [File] {
    if GGUF.isOne(folder) {
      return [File(name: folder.lastPathComponent, sha256: try hashes(folder.resolved))]
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.resolved.path)) ?? []
    let own = /config\.json|adapter_config\.json|(tokenizer.*|vocab|merges)\.(json|txt|model)/
    let weights = /(adapter_)?model(-\d+-of-\d+)?\.safetensors(\.index\.json)?/
    return try names.sorted().filter { name in
      var isFolder: ObjCBool = false
      let path = folder.resolved.appending(path: name).path
      return (name.wholeMatch(of: weights) != nil || name.wholeMatch(of: own) != nil)
        && FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        && !isFolder.boolValue
    }.map { name in File(name: name, sha256: try hashes(folder.resolved.appending(path: name))) }
  }
}

extension Lineage.File {
  var json: JSON {
    ["name": .string(name), "sha256": .string(sha256)]
  }

  init?(_ json: JSON) {
    guard let name = json["name"]?.string, let hash = json["sha256"]?.string else { return nil }
    self.init(name: name, sha256: hash)
  }
}
