// Runs that nobody named.
import Foundation
import Storage

/// The folders `runs/1`, `runs/2` and so on, and the link `runs/latest` to the one that began last.
enum NumberedRuns {
  private static let parent = "runs"
  private static let link = "runs/latest"

  /// A folder with the number after the highest that is taken.
  static var new: RunFolder {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    let number = 1 + (names.compactMap { Int($0) }.max() ?? 0)
    return RunFolder("\(parent)/\(number)")
  }

  /// The folder that the link leads to, under its own name; that of the link's name where it is a folder itself.
  static var latest: RunFolder {
    guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link),
      Int(target) != nil
    else { return RunFolder(link) }
    return RunFolder("\(parent)/\(target)")
  }

  /// Makes the link lead to a run that has begun. A folder of its name, which an earlier version wrote, stays.
  static func lead(to folder: RunFolder) throws {
    let url = URL(fileURLWithPath: link)
    guard url.isLink || !FileManager.default.fileExists(atPath: url.path) else {
      note("\(link) is a folder and stays as it is; this run is \(folder.name).")
      return
    }
    // A link that is replaced at once is never missing.
    let new = "\(link)-\(getpid())"
    unlink(new)
    guard symlink(folder.url.lastPathComponent, new) == 0, rename(new, link) == 0 else {
      throw StorageError("Cannot make the link \(link)", errno)
    }
  }
}
