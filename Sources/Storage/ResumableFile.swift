// Files that grow while a command works, and with which the same command goes on.
import Base
import Foundation

/// An output that is appended to. Beside it, as long as it is not whole, lies `.retort-job.NAME`, which says what
/// is being made: the same command goes on, another one is refused.
public final class ResumableFile {
  /// What an earlier process of the same command made; empty at a new beginning.
  public let existing: Data
  private let url: URL
  private let job: FileLock?
  private let jobText: String
  private var file: FileHandle?

  private static let newline = UInt8(ascii: "\n")

  /// Opens an output for `job`, a description of all that its content follows from. A regular file that is here
  /// is replaced where `isOwn` says that a command of this kind wrote it, or with `overwrite`; any other is
  /// refused. Nothing is changed before the first `append` or `keep`.
  public init(
    _ url: URL, job description: JSON, overwrite: Bool, isOwn: (URL) -> Bool
  ) throws {
    jobText = description.line + "\n"
    switch try OutputPlace(url) {
    case .stream(let place):
      (self.url, job, existing) = (place, nil, Data())
    case .file(let place):
      self.url = place
      let folder = place.deletingLastPathComponent()
      guard FileManager.default.fileExists(atPath: folder.path) else {
        throw StorageError("Cannot write \(url.path): its folder does not exist.")
      }
      let jobFile = folder.appending(path: Self.jobName(place.lastPathComponent))
      let wasHere = FileManager.default.fileExists(atPath: jobFile.path)
      guard let lock = try FileLock(jobFile, makes: true) else {
        throw StorageError("Another process is writing to \(url.path).")
      }
      job = lock
      let isHere = FileManager.default.fileExists(atPath: place.path)
      let before = try wasHere ? lock.read() : Data()
      if isHere, !before.isEmpty {
        guard before == Data(jobText.utf8) || overwrite else {
          throw StorageError(
            "\(url.path) holds part of what another command began to write. That command goes on with it; "
              + "--overwrite begins anew.")
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
  public var foreign: StorageError {
    StorageError(
      "\(url.path) is here already and was not written by this command. --overwrite replaces it.")
  }

  /// The whole lines that are there. `isOwn` is asked of each, by its number from 0, whether this command would have
  /// written it; where another has, the file is foreign.
  public func lines(_ isOwn: (Int, String) -> Bool) throws -> Int {
    let lines = existing.split(separator: Self.newline, omittingEmptySubsequences: false)
    for (number, line) in lines.dropLast().enumerated() {
      guard let text = String(validating: line, as: UTF8.self), isOwn(number, text) else {
        throw foreign
      }
    }
    // A line that was cut off is the beginning of an object.
    if let rest = lines.last?.first, rest != UInt8(ascii: "{") { throw foreign }
    return max(0, lines.count - 1)
  }

  /// Keeps so many lines of what is there, and goes on after them.
  public func keep(lines count: Int) throws {
    let lines = existing.split(separator: Self.newline, omittingEmptySubsequences: false).dropLast()
    try keep(lines.prefix(count).reduce(0) { $0 + $1.count + 1 })
  }

  /// Keeps so many bytes of what is there, and goes on after them. A stream is only opened when there is something
  /// to write.
  public func keep(_ byteCount: Int) throws {
    guard job != nil else { return }
    try open(keeping: byteCount)
  }

  private func open(keeping byteCount: Int) throws {
    try job?.replace(by: jobText)
    let descriptor =
      try job == nil
      ? OutputPlace.openStream(url)
      : Foundation.open(url.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw StorageError("Cannot write \(url.path)", errno) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    self.file = file
    guard job != nil else { return }
    guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
      throw StorageError("Cannot write \(url.path)", errno)
    }
    lseek(descriptor, off_t(byteCount), SEEK_SET)
  }

  public func append(_ data: Data) throws {
    if file == nil { try open(keeping: 0) }
    do { try file?.write(contentsOf: data) } catch {
      throw StorageError("Cannot write to \(url.path)", of: error)
    }
  }

  /// Says that the output is whole.
  public func finish() throws {
    if let job {
      if file == nil { try open(keeping: existing.count) }
      do { try file?.synchronize() } catch {
        throw StorageError("Cannot write to \(url.path)", of: error)
      }
      job.remove()
    }
    try? file?.close()
  }
}

extension OpenFile {
  /// All bytes.
  public func whole() throws -> Data { try read(at: 0, count: byteCount) }
}
