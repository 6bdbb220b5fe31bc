// Tables as text: comma-separated values (RFC 4180) and tab-separated ones.
import Base
import Foundation

/// The rows of a table whose first line names the columns.
///
/// Our own, and not a package's, because a row that is too short or a quote without an end is an error here that names
/// its line; what there is fills such rows up or drops them.
struct DelimitedText {
  private(set) var columns: [String] = []
  private(set) var rows: [(line: Int, fields: [String])] = []

  /// Reads text in UTF-8; `name` is the file's in errors. In a table with tabs a quote only counts where it closes in
  /// the same line, before a tab: many such files have quotes as plain characters.
  init(_ data: Data, isTabbed: Bool, named name: String) throws {
    var reader = Reader(
      bytes: data.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(data.dropFirst(3)) : Array(data))
    reader.delimiter = isTabbed ? UInt8(ascii: "\t") : reader.likelyDelimiter
    reader.quotesAreLoose = isTabbed
    do {
      while let (line, fields) = try reader.row() {
        if columns.isEmpty {
          columns = fields.map { $0.trimmingCharacters(in: .whitespaces) }
          for (index, column) in columns.enumerated()
          where !column.isEmpty && columns[..<index].contains(column) {
            throw UserError("\(name): two columns are called '\(column.prefix(60))'.")
          }
          continue
        }
        guard fields.count == columns.count else {
          throw UserError(
            "\(name), line \(line): there \(fields.count == 1 ? "is 1 field" : "are \(fields.count) fields"), and the "
              + "first line names \(columns.count) columns.")
        }
        rows.append((line, fields))
      }
    } catch let error as Reader.Failure {
      throw UserError("\(name), line \(error.line): \(error.reason).")
    }
  }

  private struct Reader {
    struct Failure: Error {
      let line: Int
      let reason: String
    }

    let bytes: [UInt8]
    var delimiter = UInt8(ascii: ",")
    var quotesAreLoose = false
    private var place = 0
    private var line = 1

    private static let quote = UInt8(ascii: "\"")
    private static let newline = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// The one of comma, semicolon and tab that the first line has most of, outside of quotes.
    var likelyDelimiter: UInt8 {
      var counts: [UInt8: Int] = [:]
      var isQuoted = false
      for byte in bytes.prefix(while: { $0 != Self.newline }) {
        if byte == Self.quote { isQuoted.toggle() }
        if !isQuoted { counts[byte, default: 0] += 1 }
      }
      let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
      // Of equals the first: a comma where there is none of them.
      return candidates.reduce(candidates[0]) { (counts[$1] ?? 0) > (counts[$0] ?? 0) ? $1 : $0 }
    }

    /// The next row that is not empty, with the number of its first line; nil at the end.
    mutating func row() throws -> (Int, [String])? {
      while place < bytes.count, bytes[place] == Self.newline || bytes[place] == Self.carriageReturn
      {
        if bytes[place] == Self.newline { line += 1 }
        place += 1
      }
      guard place < bytes.count else { return nil }
      let start = line
      var fields: [String] = []
      while true {
        fields.append(try quoted() ?? plain())
        guard place < bytes.count else { return (start, fields) }
        let end = bytes[place]
        place += 1
        if end == delimiter { continue }
        if end == Self.carriageReturn, place < bytes.count { place += 1 }
        line += 1
        return (start, fields)
      }
    }

    /// Whether a field ends here.
    private func endsField(_ place: Int) -> Bool {
      guard place < bytes.count else { return true }
      if bytes[place] == Self.carriageReturn {
        return place + 1 == bytes.count || bytes[place + 1] == Self.newline
      }
      return bytes[place] == delimiter || bytes[place] == Self.newline
    }

    private mutating func plain() -> String {
      let start = place
      while !endsField(place) { place += 1 }
      return String(decoding: bytes[start..<place], as: UTF8.self)
    }

    /// A field in quotes; nil for any other.
    private mutating func quoted() throws -> String? {
      guard place < bytes.count, bytes[place] == Self.quote else { return nil }
      let (start, startLine) = (place, line)
      /// What is no quoted field after all.
      func fail(_ reason: String) throws -> String? {
        guard quotesAreLoose else { throw Failure(line: startLine, reason: reason) }
        (place, line) = (start, startLine)
        return nil
      }
      var text: [UInt8] = []
      place += 1
      while place < bytes.count {
        let byte = bytes[place]
        place += 1
        if byte == Self.quote {
          if place < bytes.count, bytes[place] == Self.quote {
            place += 1
          } else {
            guard endsField(place) else { return try fail("there is text behind a closing quote") }
            return String(decoding: text, as: UTF8.self)
          }
        } else if byte == Self.newline {
          if quotesAreLoose { break }
          line += 1
        }
        text.append(byte)
      }
      return try fail("a quote is never closed")
    }
  }
}
