// Folders for a test.
import Foundation

/// A folder that is gone afterwards.
package final class TemporaryFolder {
  package let url = FileManager.default.temporaryDirectory.appending(path: "retort-test-\(UUID())")

  package init() throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  package func write(_ text: String, to path: String) throws {
    let file = url.appending(path: path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  /// A copy of a golden model's folder, without its golden numbers.
  package func copy(of golden: String) throws -> URL {
    let target = url.appending(path: golden)
    try FileManager.default.copyItem(at: goldenFolder("models/\(golden)"), to: target)
    try? FileManager.default.removeItem(at: target.appending(path: "golden.safetensors"))
    return target
  }
}
