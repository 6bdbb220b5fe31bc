// A folder of a model that another comes from, as far as its files say what it is.
import Foundation
import Models
import Storage
import Terms

/// A model in a folder: its name, its licences, the hashes of its files, and what it comes from itself.
struct ModelOrigin {
  /// The name on the Hub, where the folder says it.
  let name: String?
  /// The folder's own name.
  let folder: String
  /// What its card calls its licence: `license`, and `license_name` where that is another one's name for it.
  let licences: [String]
  private let directory: ModelDirectory
  var url: URL { directory.url }

  /// The name is that of the configuration or of a folder of the Hub's cache, the licence that of the folder's card.
  init(_ directory: ModelDirectory) {
    self.directory = directory
    folder = directory.url.lastPathComponent
    let configured = (try? directory.configurationFile.fields)?["_name_or_path"]?.string
    let cached = directory.url.resolved.pathComponents.first { $0.hasPrefix("models--") }?
      .dropFirst("models--".count).replacing("--", with: "/").description
    name = [configured, cached].compactMap { $0 }.first {
      $0.wholeMatch(of: /[A-Za-z0-9][\w.-]*\/[\w.-]+/) != nil
    }
    let card = try? String(contentsOfText: directory.url.appending(path: "README.md"))
    let front = card.flatMap { card in
      card.hasPrefix("---\n") ? card.dropFirst(4).components(separatedBy: "\n---")[0] : nil
    }
    licences =
      (front ?? "").matches(of: /(?m)^(?:license|license_name): *"?([\w.-]+)"? *$/)
      .map { String($0.1) }.filter { $0 != "other" }
  }

  /// The rules that its outputs fall under, as far as any are known.
  var rules: [TermsRule] { TermsRule.rules(model: name ?? "", licences: licences) }

  /// Rules that the folder's own name makes one think of, where neither its card nor a name on the Hub says anything.
  var suspectedRules: [TermsRule] {
    name == nil && licences.isEmpty ? TermsRule.rules(model: folder, licences: []) : []
  }

  /// What the folder says of what it comes from itself.
  var lineage: Lineage? { Lineage(in: directory.url) }

  /// The texts of its licence, by the names of their files.
  var licenceTexts: [(name: String, text: String)] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.url.path)) ?? []
    return names.sorted().compactMap { name in
      guard
        Lineage.isLicenceFile(name)
          || name.wholeMatch(of: /(?i)(licen[sc]e|notice|use_policy|copying)([-_.].*)?/) != nil,
        let text = try? String(contentsOfText: directory.url.appending(path: name))
      else { return nil }
      return (name, text)
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
