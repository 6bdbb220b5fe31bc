// Files that people take for text, and how to make text of them.
import Foundation

/// A format that is known by its first bytes and is no text.
struct ForeignFormat: Sendable {
  /// With its article, such as "a PDF".
  let name: String
  /// What makes text of the file with this name.
  let remedy: @Sendable (String) -> String

  private let start: [UInt8]

  private init(_ name: String, _ start: String, _ remedy: @escaping @Sendable (String) -> String) {
    self.init(name, Array(start.utf8), remedy)
  }

  private init(_ name: String, _ start: [UInt8], _ remedy: @escaping @Sendable (String) -> String) {
    (self.name, self.start, self.remedy) = (name, start, remedy)
  }

  init?(of data: Data) {
    guard let format = Self.all.first(where: { data.starts(with: $0.start) }) else { return nil }
    self = format
  }

  private static func unpacking(with command: String) -> @Sendable (String) -> String {
    { _ in "`\(command)` unpacks it." }
  }

  /// A line that reads a table with pandas.
  private static func pandas(_ function: String) -> @Sendable (String) -> String {
    { name in
      "`python3 -c \"import pandas; pandas.\(function)('\(name)').to_json('data.jsonl', orient='records', "
        + "lines=True)\"` makes lines of it."
    }
  }

  private static let all: [ForeignFormat] = [
    .init("a Parquet table", "PAR1", pandas("read_parquet")),
    .init("an Arrow table", "ARROW1", pandas("read_feather")),
    .init("an SQLite database", "SQLite format 3\0", { _ in "Export the table as CSV." }),
    .init("a PDF", "%PDF-", { _ in "`pdftotext` makes text of it." }),
    .init(
      "a ZIP file (as documents, spreadsheets and PyTorch's files are)", [0x50, 0x4B, 3, 4],
      { _ in "Name the text files that are in it." }),
    .init("packed with gzip", [0x1F, 0x8B, 8], unpacking(with: "gzip -d")),
    .init("packed with bzip2", [0x42, 0x5A, 0x68], unpacking(with: "bzip2 -d")),
    .init(
      "packed with xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], unpacking(with: "xz -d")),
    .init("packed with zstd", [0x28, 0xB5, 0x2F, 0xFD], unpacking(with: "zstd -d")),
    .init("a picture", [0x89, 0x50, 0x4E, 0x47], { _ in "Name text files." }),
    .init("a picture", [0xFF, 0xD8, 0xFF], { _ in "Name text files." }),
    .init("a program", [0x7F, 0x45, 0x4C, 0x46], { _ in "Name text files." }),
  ]
}
