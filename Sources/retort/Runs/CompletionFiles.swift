// Which data files hold completions, and which plain text.
import Foundation
import Storage

enum CompletionFiles {
  /// Whether a file holds JSON objects, one per line: its name or its first line says so. Pipes, which can be read
  /// only once, are known by their names.
  static func holdsObjects(_ path: String) -> Bool {
    if path.hasSuffix(".jsonl") { return true }
    guard let file = try? OpenFile(URL(fileURLWithPath: path)),
      let start = try? file.read(at: 0, count: min(file.byteCount, 1 << 20))
    else { return false }
    let lines = start.split(separator: UInt8(ascii: "\n"))
    let first = lines.first { !$0.allSatisfy { $0 == 0x20 || $0 == 0x0D || $0 == 0x09 } }
    guard let first else { return false }
    // A line that is longer than what was read is known by its beginning.
    if first.endIndex == start.endIndex, start.count < file.byteCount {
      return first.first == UInt8(ascii: "{")
    }
    return (try? JSON(parsing: Data(first)))?.object != nil
  }
}
