// A folder of a model that another comes from, as far as its files say what it is.
import Foundation
import Models
import Storage
import Terms

/// A model in a folder: its name, its licences, the hashes of its files, and what it comes from itself.
package struct ModelOrigin {
  /// The name on the Hub, where the folder says it.
  let name: String?
  /// The folder's own name.
  let folder: String
  /// What its card calls its licence: `license`, and `license_name` where that is another one's name for it.
  let licences: [String]
  /// Whether the Hub calls its licence "other", and the card has a name of its own for it.
  let hasNamedLicence: Bool
  private let directory: ModelDirectory
  var url: URL { directory.url }

  /// The name is that of the configuration or of a folder of the Hub's cache, the licence that of the folder's card. An adapter is
  /// also what the model is that it is for.
  init(_ directory: ModelDirectory) {
    self.directory = directory
    let own = directory.url.lastPathComponent
    // In a run's folder every model is called after its part.
    folder =
      Self.partNames.contains { own.hasPrefix($0) }
      ? "\(directory.url.deletingLastPathComponent().lastPathComponent)/\(own)" : own
    let configured = (try? directory.configurationFile.fields)?["_name_or_path"]?.string
    let cached = directory.url.resolved.pathComponents.first { $0.hasPrefix("models--") }?
      .dropFirst("models--".count).replacing("--", with: "/").description
    let file =
      GGUF.isOne(directory.url) ? (try? GGUF(contentsOf: directory.url))?.metadata ?? [:] : [:]
    let name = ([configured, cached] + Self.names(in: file)).compactMap { $0 }.first {
      $0.wholeMatch(of: /[A-Za-z0-9][\w.-]*\/[\w.-]+/) != nil
    }
    let card = (try? String(contentsOfText: directory.url.appending(path: "README.md"))) ?? ""
    let whole = (try? directory.whole).flatMap { $0.url == directory.url ? nil : ModelOrigin($0) }
    self.name = name ?? whole?.name
    let stated = [Self.licence, Self.licenceName].compactMap { file[$0]?.string }
    let licences = CardLicences.named(in: card) + stated
    hasNamedLicence = card.contains(/(?m)^license: *["']?other["']?\s*$/) || stated.first == "other"
    self.licences = licences + (whole?.licences ?? []).filter { !licences.contains($0) }
  }

  private static let (licence, licenceName) = ("general.license", "general.license.name")
  private static let repository = "general.source.huggingface.repository"

  /// Names on the Hub that a GGUF file gives, its own first, then that of the model that it was made of.
  private static func names(in file: [String: JSON]) -> [String?] {
    let address = file["general.base_model.0.repo_url"]?.string
    let parts = ["organization", "name"].map { file["general.base_model.0.\($0)"]?.string }
    return [
      file[repository]?.string, address.map { $0.replacing("https://huggingface.co/", with: "") },
      parts.contains(nil)
        ? nil : parts.compactMap { $0?.replacing(" ", with: "-") }.joined(separator: "/"),
    ]
  }

  /// What a GGUF file of the model says of it: its name on the Hub and its licence.
  package static func ggufMetadata(of directory: ModelDirectory) -> [(
    key: String, value: GGUF.Value
  )] {
    let origin = ModelOrigin(directory)
    return (origin.name.map { [(repository, .string($0))] } ?? [])
      + zip([licence, licenceName], origin.licences).map { ($0, .string($1)) }
  }

  private static let partNames = ["model", "student", "teacher", "control"]

  /// The rules that its outputs fall under, as far as any are known.
  var rules: [TermsRule] { TermsRule.rules(model: name ?? "", licences: licences) }

  /// The same with those of what it comes from: a student passes on what its teachers' terms say.
  var allRules: [TermsRule] {
    var seen: Set<String> = []
    return (rules + (lineage?.sources ?? []).flatMap(\.rules)).filter {
      seen.insert($0.id).inserted
    }
  }

  /// Rules that the folder's own name makes one think of, where neither its card nor a name on the Hub says anything.
  var suspectedRules: [TermsRule] {
    guard name == nil, licences.isEmpty else { return [] }
    let own = TermsRule.rules(model: url.lastPathComponent, licences: [])
    return own.isEmpty ? TermsRule.rules(model: url.resolved.lastPathComponent, licences: []) : own
  }

  /// What the folder says of what it comes from itself.
  var lineage: Lineage? { Lineage(in: directory.url) }

  /// The texts of its licence, by the names of their files.
  var licenceTexts: [(name: String, text: String)] { Self.licenceTexts(in: url) }

  /// The texts of licences in a folder, by the names of their files, whatever the encoding.
  package static func licenceTexts(in folder: URL) -> [(name: String, text: String)] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().compactMap { name in
      guard
        Lineage.isLicenceFile(name)
          || name.wholeMatch(of: /(?i)(licen[sc]e|notice|use_policy|copying)([-_.].*)?/) != nil,
        let file = try? OpenFile(folder.appending(path: name)), file.byteCount <= 1 << 20,
        let data = try? file.whole()
      else { return nil }
      return (name, String(decoding: data, as: UTF8.self))
    }
  }

  /// Its weights and configuration with their SHA-256.
  func files(_ hashes: FileHashes) throws -> [Lineage.File] {
    try Lineage.files(in: directory.url, hashes)
  }
}

/// Hashes of files that are read once, however many models come from them.
package final class FileHashes {
  private var known: [String: String] = [:]

  package init() {}

  func callAsFunction(_ file: URL) throws -> String {
    let path = file.resolved.path
    if let hash = known[path] { return hash }
    let hash = try SHA256.hash(contentsOf: file)
    known[path] = hash
    return hash
  }
}
