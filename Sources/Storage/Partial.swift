// What is not whole yet, and what became of it when its writer died.
import Base
import Foundation

/// A file or folder under a temporary name, beside the one that it will be. As long as its writer lives it is
/// locked; what is not locked was left by a process that is dead, and is swept.
struct Partial {
  let url: URL
  /// Open on the file, or on the file in the folder that holds the lock.
  let descriptor: Int32

  private static let mark = ".retort-part-"
  /// In a folder: the file whose lock says that the writer lives.
  private static let lockName = ".retort-lock"

  /// `.NAME.retort-part-PID-RANDOM`
  private static func temporary(_ url: URL) -> URL {
    let number = ProcessInfo.processInfo.processIdentifier
    let random = String(UInt32.random(in: .min ... .max), radix: 36)
    // Names have at most 255 bytes.
    let name = String(decoding: url.lastPathComponent.utf8.prefix(180), as: UTF8.self)
    return url.deletingLastPathComponent().appending(path: ".\(name)\(mark)\(number)-\(random)")
  }

  /// A new file for `url`, locked and open for writing.
  static func file(for url: URL) throws -> Partial {
    let partial = temporary(url)
    let descriptor = open(partial.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw UserError("Cannot write \(url.path)", errno)
    }
    flock(descriptor, LOCK_EX | LOCK_NB)
    return Partial(url: partial, descriptor: descriptor)
  }

  /// A new folder for `url`, locked.
  static func folder(for url: URL) throws -> Partial {
    let partial = temporary(url)
    do {
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    } catch { throw UserError("Cannot make the folder of \(url.path).") }
    guard mkdir(partial.path, 0o777) == 0 else {
      throw UserError("Cannot make the folder \(url.path)", errno)
    }
    let lock = partial.appending(path: lockName)
    let descriptor = open(lock.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw UserError("Cannot write into \(partial.path)", errno)
    }
    flock(descriptor, LOCK_EX | LOCK_NB)
    return Partial(url: partial, descriptor: descriptor)
  }

  /// Takes the lock of a folder away, so that it can be renamed.
  func unlockFolder() { unlink(url.appending(path: Self.lockName).path) }

  func close() { _ = Foundation.close(descriptor) }

  /// Removes what dead processes left beside `url` for it.
  static func sweep(beside url: URL) throws {
    let name = String(decoding: url.lastPathComponent.utf8.prefix(180), as: UTF8.self)
    sweep(url.deletingLastPathComponent()) { $0.hasPrefix(".\(name)\(mark)") }
  }

  /// Removes all that dead processes left in a folder and those below it.
  static func sweep(below folder: URL) {
    sweep(folder) { $0.hasPrefix(".") && $0.contains(mark) }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] {
      let inner = folder.appending(path: name)
      var isFolder: ObjCBool = false
      if !inner.isLink, FileManager.default.fileExists(atPath: inner.path, isDirectory: &isFolder),
        isFolder.boolValue
      {
        sweep(below: inner)
      }
    }
  }

  private static func sweep(_ folder: URL, _ isWanted: (String) -> Bool) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    where isWanted(name) {
      let url = folder.appending(path: name)
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
        continue
      }
      let lock = isFolder.boolValue ? url.appending(path: lockName) : url
      let descriptor = open(lock.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
      if descriptor >= 0 {
        defer { _ = Foundation.close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { continue }
        try? FileManager.default.removeItem(at: url)
      } else if errno == ENOENT {
        try? FileManager.default.removeItem(at: url)
      }
    }
  }
}

/// Folders that appear whole or not at all.
package enum WholeFolder {
  /// `body` fills a folder under a temporary name, which then gets its own. `willAppear` is told the files in
  /// it, by their paths in the folder, before that. What stands there already is an error.
  package static func write(
    _ url: URL, _ body: (URL) throws -> Void, willAppear: ([String]) throws -> Void = { _ in }
  ) throws {
    try Partial.sweep(beside: url)
    let partial = try Partial.folder(for: url)
    do {
      try body(partial.url)
      partial.unlockFolder()
      try willAppear(files(in: partial.url))
      guard rename(partial.url.path, url.path) == 0 else {
        throw errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
          ? UserError("\(url.path) exists already.")
          : UserError("Cannot rename \(partial.url.path) to \(url.path)", errno)
      }
      partial.close()
    } catch {
      try? FileManager.default.removeItem(at: partial.url)
      partial.close()
      throw error
    }
  }

  /// Removes what dead processes left in a folder and those below it.
  package static func sweep(_ folder: URL) { Partial.sweep(below: folder) }

  /// The files of a folder and those below it, by their paths; links count as files.
  package static func files(in folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().flatMap { name in
      let inner = folder.appending(path: name)
      var isFolder: ObjCBool = false
      let isThere = FileManager.default.fileExists(atPath: inner.path, isDirectory: &isFolder)
      guard isThere, isFolder.boolValue, !inner.isLink else { return [name] }
      return try files(in: inner).map { "\(name)/\($0)" }
    }
  }
}
