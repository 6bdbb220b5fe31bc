// Files that grow while a command works, and with which the same command goes on.
import Base
import Foundation

/// An output that is appended to. Beside it, as long as it is not whole, lies `.retort-job.NAME`, which says what
/// is being made: the same command goes on, another one is refused.
package final class ResumableFile {
  /// What an earlier process of the same command made; empty at a new beginning.
  package let existing: Data
  private let url: URL
  private let job: FileLock?
  private let jobText: String
  private var file: FileHandle?

  /// Opens an output for `job`, a description of all that its content follows from. A regular file that is here
  /// is replaced where `isOwn` says that a command of this kind wrote it, or with `overwrite`; any other is
  /// refused. Nothing is changed before the first `append` or `keep`.
  package init(
    _ url: URL, job description: JSON, overwrite: Bool, isOwn: (URL) -> Bool
  ) throws {
    jobText = description.line + "\n"
    switch try OutputPlace(url) {
    case .stream(let place):
      (self.url, job, existing) = (place, nil, Data())
    case .file(let place):
      self.url = place
      let jobFile = place.deletingLastPathComponent()
        .appending(path: Self.jobName(place.lastPathComponent))
      let wasHere = FileManager.default.fileExists(atPath: jobFile.path)
      guard let lock = try FileLock(jobFile, makes: true) else {
        throw UserError("Another process is writing to \(url.path).")
      }
      job = lock
      let isHere = FileManager.default.fileExists(atPath: place.path)
      let before = try wasHere ? lock.read() : Data()
      if isHere, !before.isEmpty {
        guard before == Data(jobText.utf8) || overwrite else {
          throw UserError(
            "\(url.path) holds part of what another command began to write. That command goes on with it.",
            remedy: .replaceOutput)
        }
        existing = overwrite ? Data() : try OpenFile(place).whole()
      } else {
        existing = Data()
        guard try !isHere || overwrite || OpenFile(place).byteCount == 0 || isOwn(place) else {
          if !wasHere { lock.remove() }
          throw foreign
        }
      }
    }
  }

  /// Names have at most 255 bytes.
  private static func jobName(_ name: String) -> String {
    let name = name.utf8.count <= 180 ? name : "\(Fingerprint(of: Data(name.utf8)))"
    return ".retort-job.\(name)"
  }

  /// What is told of a file that the command did not make.
  package var foreign: UserError {
    UserError(
      "\(url.path) is here already and was not written by this command.", remedy: .replaceOutput)
  }

  /// Keeps the lines that are there, of `total` in all that are written in parts of `part`, and tells how many.
  /// `isOwn` is asked of each, by its number from 0, whether this command would have written it; where another has,
  /// the file is foreign.
  package func keepLines(
    of total: Int, inParts part: Int, _ isOwn: (Int, String) -> Bool
  ) throws -> Int {
    var ends = [0]
    for (place, byte) in existing.enumerated() where byte == UInt8(ascii: "\n") {
      let line = existing[existing.startIndex + (ends.last ?? 0)..<existing.startIndex + place]
      guard ends.count <= total, let text = String(validating: line, as: UTF8.self),
        isOwn(ends.count - 1, text)
      else { throw foreign }
      ends.append(place + 1)
    }
    // A line that was cut off is the beginning of an object.
    let rest = existing.dropFirst(ends.last ?? 0).first
    guard rest == nil || rest == UInt8(ascii: "{") else { throw foreign }
    let count = Self.wholeParts(ends.count - 1, of: total, inParts: part)
    try keep(ends[count])
    return count
  }

  /// Whole parts alone are gone on from, so that what is made together is the same as without the interruption.
  package static func wholeParts(_ count: Int, of total: Int, inParts part: Int) -> Int {
    count >= total ? total : count / part * part
  }

  /// Keeps so many bytes of what is there, and goes on after them. A stream is only opened when there is something
  /// to write.
  package func keep(_ byteCount: Int) throws {
    guard job != nil else { return }
    try open(keeping: byteCount)
  }

  private func open(keeping byteCount: Int) throws {
    try job?.replace(by: jobText)
    let descriptor =
      try job == nil
      ? OutputPlace.openStream(url)
      : Foundation.open(url.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw UserError("Cannot write \(url.path)", errno) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    self.file = file
    guard job != nil else { return }
    guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
      throw UserError("Cannot write \(url.path)", errno)
    }
    lseek(descriptor, off_t(byteCount), SEEK_SET)
  }

  package func append(_ data: Data) throws {
    if file == nil { try open(keeping: 0) }
    do { try file?.write(contentsOf: data) } catch {
      throw UserError("Cannot write to \(url.path)", of: error)
    }
  }

  /// Says that the output is whole.
  package func finish() throws {
    if let job {
      if file == nil { try open(keeping: existing.count) }
      do { try file?.synchronize() } catch {
        throw UserError("Cannot write to \(url.path)", of: error)
      }
      job.remove()
    }
    try? file?.close()
  }
}

extension OpenFile {
  /// All bytes.
  package func whole() throws -> Data { try read(at: 0, count: byteCount) }
}
