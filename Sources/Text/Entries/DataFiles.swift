// Which files a run reads.
import Base
import Experiments
import Foundation
import Storage

/// Names of files, folders and patterns, as people give them.
package enum DataFiles {
  /// What folders are searched for; files without an ending are taken too.
  private static let endings: Set = [
    "", "txt", "text", "md", "json", "jsonl", "ndjson", "csv", "tsv", "tab",
  ]

  /// The files that `paths` name: a folder gives the data files in it and in its folders, a pattern (`*`, `?`, `[...]`)
  /// what it matches; both in the order of their names. `-` stays what it is.
  package static func expanded(_ paths: [String]) throws -> [String] {
    try paths.flatMap { path -> [String] in
      if path == "-" { return [path] }
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
        return isFolder.boolValue ? try files(inFolder: path) : [path]
      }
      guard path.contains(where: { "*?[".contains($0) }) else { return [path] }
      let matches = matches(of: path)
      guard !matches.isEmpty else { throw UserError("No file's name matches \(path).") }
      return try expanded(matches)
    }
  }

  private static func files(inFolder path: String) throws -> [String] {
    let folder = URL(fileURLWithPath: path)
    let keys: [URLResourceKey] = [.isRegularFileKey]
    let all = FileManager.default.enumerator(
      at: folder, includingPropertiesForKeys: keys, options: [.skipsHiddenFiles])
    let found = (all?.compactMap { $0 as? URL } ?? []).filter { url in
      let name = url.pathExtension.lowercased() == "gz" ? url.deletingPathExtension() : url
      return endings.contains(name.pathExtension.lowercased())
        && (try? url.resolvingSymlinksInPath().resourceValues(forKeys: Set(keys)))?.isRegularFile
          == true
    }.map(\.path).sorted()
    guard !found.isEmpty else {
      let names = endings.filter { !$0.isEmpty }.sorted().map { ".\($0)" }
      throw UserError(
        "The folder \(path) holds no data files (\(names.joined(separator: ", ")), each perhaps with .gz)."
      )
    }
    return found
  }

  private static func matches(of pattern: String) -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(pattern, GLOB_TILDE, nil, &result) == 0, let paths = result.gl_pathv else {
      return []
    }
    return (0..<Int(result.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }
  }

  private static let fortunes = "/usr/share/games/fortunes"

  /// The text that a run reads where none is named: Debian's `fortunes`.
  package static func standard() throws -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: fortunes)) ?? []
    // Beside each text lies an index, and a link under a second name.
    let texts = names.filter { !$0.contains(".") && $0 != "off" }.sorted()
    guard !texts.isEmpty else {
      throw UserError(
        "No text was given, and the default text is not installed: run `apt-get install fortunes`.",
        remedy: .nameData)
    }
    return texts.map { "\(fortunes)/\($0)" }
  }
}

extension FieldsRecipe {
  package var names: DataFields {
    var names = DataFields()
    (names.text, names.prompt) = (text, prompt)
    (names.completion, names.messages) = (completion, messages)
    return names
  }
}

extension DataRecipe {
  /// The names of the run's files, without their folders.
  package var sources: [String] {
    files.isEmpty
      ? ["fortunes (Debian's)"] : files.map { URL(fileURLWithPath: $0).lastPathComponent }
  }

  /// What the run's files hold.
  package func entries() throws -> [DataEntry] {
    try DataEntry.read(
      try files.isEmpty ? DataFiles.standard() : DataFiles.expanded(files), fields: fields.names)
  }
}
