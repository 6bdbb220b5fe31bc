// What a run learns from, as a person can check it.
import Base

/// An entry as it stands in its file, and a row as a model is trained on it.
public struct DataSample: CustomStringConvertible, Sendable {
  public let description: String

  private static let limit = 600

  /// An entry and a row in words; `source` says where the entry stands, and `rowTitle` what a row is.
  public init(entry: String, source: String = "", row: String, rowTitle: String = "A row") {
    description = """
      The first entry\(source.isEmpty ? "" : ", \(source)"):
      \(Self.indented(entry))
      \(rowTitle):
      \(Self.indented(row))
      """
  }

  /// Lines that are set in, the middle of a long text left out.
  private static func indented(_ text: String) -> String {
    abridged(text, to: limit).split(separator: "\n", omittingEmptySubsequences: false)
      .map { "  \($0)" }.joined(separator: "\n")
  }
}
