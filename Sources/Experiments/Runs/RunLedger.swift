// Which files of a folder a run wrote.
import Base
import Foundation
import Storage

/// The file `.retort-run` of a run's folder: it names every file that the run writes, before it is written, and
/// is locked by the process that works there. What it does not name is never deleted or written over.
package final class RunLedger {
  private let folder: URL
  private let file: FileLock
  /// Paths below the folder.
  package private(set) var paths: Set<String>
  /// Whether nobody has begun a run here.
  package let isEmpty: Bool

  package static let name = ".retort-run"

  /// Whether a run was begun in a folder.
  package static func isIn(_ folder: URL) -> Bool {
    let file = folder.appending(path: name)
    return FileManager.default.fileExists(atPath: file.path) && !file.isLink
  }

  /// Takes a folder for this process; `makes` a new ledger where there is none.
  package init(in folder: URL, makes: Bool) throws {
    // A process that was killed a moment ago may still have its lock.
    var file: FileLock?
    for attempt in 0..<20 where file == nil {
      if attempt > 0 { Thread.sleep(forTimeInterval: 0.05) }
      file = try FileLock(folder.appending(path: Self.name), makes: makes)
    }
    guard let file else {
      throw UserError(
        "Another process is training in \(folder.path).", remedy: .nameAnotherRun)
    }
    self.folder = folder
    self.file = file
    let text = try file.read()
    isEmpty = text.isEmpty
    // A file whose line was cut off was not written yet.
    let whole = text.prefix(1 + (text.lastIndex(of: UInt8(ascii: "\n")) ?? -1))
    let (lines, damagedCount) = JSONLines.lines(in: whole)
    guard damagedCount == 0 else {
      throw UserError(
        "\(file.url.path), the list of what the run wrote, is damaged in \(damagedCount) of its lines. So nothing here "
          + "is deleted or written over.", remedy: .nameAnotherRun)
    }
    let objects = lines.compactMap { try? JSON(parsing: Data($0.utf8)) }
    paths = Set(objects.compactMap { $0["wrote"]?.string }.filter(Self.isBelow))
    if whole.count < text.count { try file.replace(by: String(decoding: whole, as: UTF8.self)) }
  }

  /// Whether a path stays below the folder it is relative to.
  private static func isBelow(_ path: String) -> Bool {
    !path.hasPrefix("/") && !path.split(separator: "/").contains("..")
  }

  /// Notes a file that is about to be written, and gives its place. A file of others there, or a link that leads
  /// elsewhere, is an error.
  package func claim(_ path: String) throws -> URL {
    var place = folder
    for part in path.split(separator: "/") {
      place.append(path: String(part))
      guard !place.isLink else {
        throw UserError(
          "\(place.path) is a link: the run would write outside of its folder. Remove the link.")
      }
    }
    if paths.contains(path) { return place }
    guard !FileManager.default.fileExists(atPath: place.path) else {
      throw UserError("\(place.path) is here already, and this run did not write it.")
    }
    try file.append(JSONLines.line([("wrote", path)]))
    try file.synchronize()
    paths.insert(path)
    return place
  }

  /// Notes some files of a folder that is about to appear.
  package func claim(_ paths: [String]) throws { for path in paths { _ = try claim(path) } }

  /// Deletes some of what the run wrote, and the folders that are empty then.
  func delete(_ paths: Set<String>) throws {
    for path in paths.sorted() {
      let place = folder.appending(path: path)
      guard !(try hasLink(place)) else { continue }
      unlink(place.path)
    }
    let folders = Set(
      paths.flatMap { path -> [String] in
        let parts = path.split(separator: "/").dropLast()
        return parts.indices.map { parts[...$0].joined(separator: "/") }
      })
    for path in folders.sorted(by: { $0.count > $1.count }) {
      rmdir(folder.appending(path: path).path)
    }
  }

  /// Deletes what the run wrote; begins the ledger anew.
  func clear(for command: String) throws {
    try delete(paths)
    WholeFolder.sweep(folder)
    paths = []
    try file.replace(
      by: JSONLines.line([
        ("retort", retortVersion), ("command", command), ("begun", Date().ISO8601Format()),
      ]))
  }

  /// Whether a part of a path below the folder is a link.
  private func hasLink(_ place: URL) throws -> Bool {
    var place = place
    while place.path.count > folder.path.count {
      if place.isLink { return true }
      place.deleteLastPathComponent()
    }
    return false
  }
}
