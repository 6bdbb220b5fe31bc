// Files that appear whole or not at all.
import Foundation

/// Writes a file under a temporary name beside its own, flushes it to the disk, and renames it.
public enum WholeFile {
  /// `body` is given the open file. If anything fails, the temporary file is removed and what
  /// stood under the name before is left as it was.
  public static func write(to url: URL, _ body: (FileHandle) throws -> Void) throws {
    let temporary = url.deletingLastPathComponent()
      .appending(path: ".\(url.lastPathComponent).\(ProcessInfo.processInfo.processIdentifier)")
    do {
      guard FileManager.default.createFile(atPath: temporary.path, contents: nil) else {
        throw StorageError(
          "Cannot write \(url.path): its folder does not exist or is not writable.")
      }
      let file = try FileHandle(forWritingTo: temporary)
      do {
        try body(file)
        try file.synchronize()
        try file.close()
      } catch {
        try? file.close()
        throw error
      }
      guard rename(temporary.path, url.path) == 0 else {
        throw StorageError("Cannot rename \(temporary.path) to \(url.path).")
      }
    } catch let error as StorageError {
      try? FileManager.default.removeItem(at: temporary)
      throw error
    } catch {
      try? FileManager.default.removeItem(at: temporary)
      throw StorageError(
        "Cannot write \(url.path): \(reason(error)). Nothing was changed; is the disk full?")
    }
  }

  public static func write(_ text: String, to url: URL) throws {
    try write(to: url) { try $0.write(contentsOf: Data(text.utf8)) }
  }

  private static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    guard
      let code = underlying?.code
        ?? ((error as NSError).domain == NSPOSIXErrorDomain
          ? (error as NSError).code : nil)
    else { return "\(error)" }
    return String(cString: strerror(Int32(code)))
  }
}
