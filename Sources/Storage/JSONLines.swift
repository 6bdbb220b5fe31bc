// Files of one JSON object per line.
import Base
import Foundation

/// A line-delimited JSON file that grows. Each line ends with a checksum of itself, under the key `crc32c`.
package final class JSONLines {
  private let file: FileHandle
  private let url: URL

  private static let key = "crc32c"

  /// Opens the file, keeping only the whole lines that `keep` accepts; makes it if it is missing.
  package init(appendingTo url: URL, keep: (String) -> Bool = { _ in true }) throws {
    self.url = url
    let kept = Self.lines(of: url).sound.filter(keep)
    try WholeFile.write(kept.map { $0 + "\n" }.joined(), to: url)
    file = try FileHandle(forWritingTo: url)
    try file.seekToEnd()
  }

  /// Appends one object; keys keep their order.
  package func append(_ fields: [(key: String, value: any JSONValue)]) throws {
    let text = Self.line(fields)
    do { try file.write(contentsOf: Data(text.utf8)) } catch {
      throw UserError("Cannot write to \(url.path)", of: error)
    }
  }

  /// The lines of a file that were written whole and have not changed since, and the number of the others. One
  /// bad byte costs one line.
  package static func lines(of url: URL) -> (sound: [String], damagedCount: Int) {
    lines(in: (try? Data(contentsOf: url)) ?? Data())
  }

  /// The same for the content of a file.
  package static func lines(in data: Data) -> (sound: [String], damagedCount: Int) {
    let all = data.split(separator: UInt8(ascii: "\n"))
    let sound = all.compactMap { line -> String? in
      guard let text = String(validating: line, as: UTF8.self),
        let place = text.range(of: ",\"\(key)\":", options: .backwards)?.lowerBound,
        text[place...] == ending(String(text[..<place]))
      else { return nil }
      return text
    }
    return (sound, all.count - sound.count)
  }

  /// A line with its checksum.
  package static func line(_ fields: [(key: String, value: any JSONValue)]) -> String {
    let body = "{" + fields.map { "\(json($0.key)):\($0.value.json)" }.joined(separator: ",")
    return body + ending(body) + "\n"
  }

  private static func ending(_ body: String) -> String {
    let digits = String(CRC32C.checksum(body.utf8), radix: 16)
    return ",\"\(key)\":\"" + String(repeating: "0", count: 8 - digits.count) + digits + "\"}"
  }
}

/// A line-delimited JSON file that is read.
package struct JSONLinesFile {
  /// The objects with the numbers of their lines, from 1; empty lines are passed over.
  package let objects: [(number: Int, object: JSON.Object)]

  /// An error names the line of `name` that is no JSON object.
  package init(_ data: Data, named name: String) throws {
    var objects: [(number: Int, object: JSON.Object)] = []
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated()
    where !line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) {
      func fail(_ why: String) -> UserError {
        UserError("\(name), line \(index + 1), is no JSON object: \(why).")
      }
      do {
        guard let object = try JSON(parsing: Data(line)).object else { throw fail("it is a value") }
        objects.append((index + 1, object))
      } catch let failure as JSONParser.Failure {
        throw fail("\(failure.reason) at byte \(failure.offset)")
      }
    }
    self.objects = objects
  }

  /// Whether a file's first line is an object with these keys: whether a command of ours wrote it.
  package static func begins(_ url: URL, with keys: [String]) -> Bool {
    guard let file = try? OpenFile(url),
      let start = try? file.read(at: 0, count: min(file.byteCount, 1 << 20)),
      let first = try? JSON(parsing: start.prefix { $0 != UInt8(ascii: "\n") }).object
    else { return false }
    return keys.allSatisfy { first[$0] != nil }
  }
}

/// What can stand in a JSON object of ours.
package protocol JSONValue { var json: String { get } }

extension Int: JSONValue { public var json: String { String(self) } }
extension Bool: JSONValue { public var json: String { self ? "true" : "false" } }
extension String: JSONValue {
  package var json: String { Storage.json(self) }
}
extension Double: JSONValue {
  /// JSON has no infinities: they become null.
  package var json: String { isFinite ? "\(self)" : "null" }
}
extension Array: JSONValue where Element: JSONValue {
  package var json: String { "[" + map(\.json).joined(separator: ",") + "]" }
}
extension Optional: JSONValue where Wrapped: JSONValue {
  package var json: String { self?.json ?? "null" }
}

extension JSON: JSONValue { package var json: String { line } }

/// An object whose keys keep their order.
package struct JSONObject: JSONValue {
  let fields: [(key: String, value: any JSONValue)]

  package init(_ fields: [(key: String, value: any JSONValue)]) { self.fields = fields }

  package var json: String {
    "{" + fields.map { "\(Storage.json($0.key)):\($0.value.json)" }.joined(separator: ",") + "}"
  }
}

/// A string as a JSON literal.
func json(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case "\n": out += "\\n"
    case "\r": out += "\\r"
    case "\t": out += "\\t"
    case _ where scalar.value < 0x20:
      let digits = String(scalar.value, radix: 16)
      out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}
