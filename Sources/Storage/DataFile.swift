// Files that people train on, in the forms they keep them in.
import Base
import Foundation

/// What a file holds: a text, or objects with named fields. Files packed with gzip are unpacked.
package struct DataFile {
  /// An object, and where it stands in its file, such as "line 3".
  package struct Record: Sendable {
    package let place: String
    package let object: JSON.Object
  }

  package enum Content: Sendable {
    case text(String)
    case records([Record])
  }

  /// The file's path, or what standard input is called in a sentence.
  package let name: String
  package let content: Content

  /// Reads a file, or standard input for `-`. Tables are known by their names (`.csv`, `.tsv`), objects of JSON by
  /// names (`.json`, `.jsonl`) or by what the file begins with: an object per line, a list, or one object that holds
  /// one list. Anything else is text; what is not UTF-8 is refused with its reason.
  package init(_ path: String) throws {
    var data: Data
    if path == "-" {
      name = "standard input"
      do { data = try FileHandle.standardInput.readToEnd() ?? Data() } catch {
        throw UserError("Cannot read standard input", of: error)
      }
    } else {
      name = path
      data = try Data(contentsOfFile: URL(fileURLWithPath: path))
    }
    if data.isGzip { data = try data.unpacked(named: name) }
    try data.requireText(named: name)
    content = try Self.content(of: data, name)
  }

  private static func content(of data: Data, _ name: String) throws -> Content {
    let packed = URL(fileURLWithPath: name.lowercased())
    let url = packed.pathExtension == "gz" ? packed.deletingPathExtension() : packed
    let ending = url.pathExtension
    switch ending {
    case "csv", "tsv", "tab":
      let table = try DelimitedText(data, isTabbed: ending != "csv", named: name)
      return .records(
        table.rows.map { row in
          let fields = zip(table.columns, row.fields).filter { !$0.0.isEmpty }
          return Record(
            place: "line \(row.line)", object: JSON.Object(fields.map { ($0.0, .string($0.1)) }))
        })
    case "json", "jsonl", "ndjson":
      return .records(try records(of: data, name, isNamedJSON: true) ?? [])
    default:
      return try records(of: data, name, isNamedJSON: false).map { .records($0) }
        ?? .text(String(text: data))
    }
  }

  /// The objects of JSON; nil for a text that only looks like it.
  private static func records(of data: Data, _ name: String, isNamedJSON: Bool) throws -> [Record]?
  {
    let start = data.drop { [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }
    let isList = start.first == UInt8(ascii: "[")
    guard isList || start.first == UInt8(ascii: "{") || isNamedJSON else { return nil }
    var lines: [Record] = []
    let whole: JSON
    do {
      if isList {
        whole = try JSON(parsing: data)
      } else {
        // What is no list has most often an object in each line.
        do { lines = try Self.lines(of: data, name) } catch {
          if (try? JSON(parsing: data)) == nil {
            let first = Data(start.prefix { $0 != UInt8(ascii: "\n") })
            guard isNamedJSON || (try? JSON(parsing: first))?.object != nil || beginsAsEntry(start)
            else { return nil }
            throw error
          }
        }
        guard lines.count < 2, !start.isEmpty else { return lines }
        whole = try lines.first.map { .object($0.object) } ?? JSON(parsing: data)
      }
    } catch let error as JSONParser.Failure {
      guard isNamedJSON || beginsAsEntry(start) else { return nil }
      throw UserError("\(name) is no JSON: \(error.reason) at byte \(error.offset).")
    }
    if let items = whole.array { return try records(of: items, "item", name) }
    guard let object = whole.object else {
      throw UserError("\(name) is JSON and holds no objects.")
    }
    let alone = Record(place: lines.first?.place ?? "the object", object: object)
    if isEntry(object) { return [alone] }
    let lists = object.members.filter { $0.value.array?.contains { $0.object != nil } == true }
    guard let list = lists.first?.value.array else {
      return isNamedJSON || !lines.isEmpty ? [alone] : nil
    }
    guard lists.count == 1 else {
      throw UserError(
        "\(name) holds several lists (\(lists.map(\.key).joined(separator: ", "))). `jq -c '.\(lists[0].key)[]'` "
          + "takes one out.")
    }
    return try records(of: list, "\(lists[0].key), item", name)
  }

  private static func lines(of data: Data, _ name: String) throws -> [Record] {
    try JSONLinesFile(data, named: name).objects
      .map { Record(place: "line \($0.number)", object: $0.object) }
  }

  private static func records(of items: [JSON], _ kind: String, _ name: String) throws -> [Record] {
    try items.enumerated().map { index, item in
      let place = "\(kind) \(index + 1)"
      if let object = item.object { return Record(place: place, object: object) }
      if let text = item.string {
        return Record(place: place, object: JSON.Object([("text", .string(text))]))
      }
      throw UserError("\(name), \(place), is neither an object nor a text.")
    }
  }

  /// Keys that entries have.
  private static let keys: Set = [
    "text", "prompt", "completion", "messages", "request", "input", "instruction", "output",
    "question", "answer",
    "response", "conversations", "content", "data", "id",
  ]

  private static func isEntry(_ object: JSON.Object) -> Bool {
    object.members.contains { keys.contains($0.key) && $0.key != "data" }
  }

  /// Whether a text begins as an object with a key that entries have, or as a list of such objects: it would be
  /// learnt as plain text, keys and braces included.
  private static func beginsAsEntry(_ data: Data) -> Bool {
    let beginning = String(decoding: data.prefix(1000), as: UTF8.self)
    guard let first = beginning.prefixMatch(of: /\s*(?:\[\s*)?\{\s*"([^"\n]{1,60})"\s*:/) else {
      return false
    }
    return keys.contains(String(first.1))
  }
}
