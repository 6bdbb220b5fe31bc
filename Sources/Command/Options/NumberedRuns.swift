// Runs that nobody named.
import Base
import Experiments
import Foundation
import Storage
import Synchronization

/// The folders `runs/1`, `runs/2` and so on, and the link `runs/latest` to the one of them that began last.
enum NumberedRuns {
  private static let parent = "runs"
  private static let link = "runs/latest"
  /// The number that this process has taken; 0 for none.
  private static let taken = Atomic(0)

  private static var numbers: [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    return names.compactMap { Int($0) }.sorted()
  }

  /// A folder with a number that no other process has.
  static func take() throws -> RunFolder {
    do {
      try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    } catch { throw UserError("Cannot make the folder \(parent) for runs", of: error) }
    var number = 1 + (numbers.last ?? 0)
    while mkdir("\(parent)/\(number)", 0o777) != 0 {
      guard errno == EEXIST else { throw UserError("Cannot make \(parent)/\(number)", errno) }
      number += 1
    }
    taken.store(number, ordering: .relaxed)
    return RunFolder("\(parent)/\(number)")
  }

  /// Gives a number back whose run never began.
  static func release() {
    let number = taken.exchange(0, ordering: .relaxed)
    // A folder that holds something stays.
    if number > 0 { rmdir("\(parent)/\(number)") }
  }

  /// The folder that the link leads to, or where there is no such link, the highest number; under its own name.
  static var latest: RunFolder {
    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
    let number = target.flatMap { Int($0) } ?? numbers.last
    return RunFolder(number.map { "\(parent)/\($0)" } ?? link)
  }

  /// Makes the link lead to a run that has begun. Something else of its name, such as what an earlier version wrote, stays.
  static func lead(to folder: RunFolder) throws {
    let url = URL(fileURLWithPath: link)
    guard url.isLink || !FileManager.default.fileExists(atPath: url.path) else {
      warn("\(link) is no link and stays as it is; this run is \(folder.name).")
      return
    }
    // A link that is replaced at once is never missing.
    let new = "\(link)-\(getpid())"
    unlink(new)
    guard symlink(folder.url.lastPathComponent, new) == 0, rename(new, link) == 0 else {
      throw UserError("Cannot make the link \(link)", errno)
    }
  }
}
