// Files that appear whole or not at all.
import Base
import Foundation

/// Writes a file under a temporary name beside its own, flushes it to the disk, and renames it. Links are
/// followed; devices and pipes are written to as they are.
package enum WholeFile {
  /// Throws where the folder that a file is to be written to is missing.
  package static func requireFolder(of url: URL) throws {
    let folder = url.deletingLastPathComponent().path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue
    else { throw UserError("\(url.path) cannot be written: there is no folder \(folder).") }
  }

  /// `body` is given the open file. If anything fails, the temporary file is removed and what
  /// stood under the name before is left as it was.
  package static func write(to url: URL, _ body: (FileHandle) throws -> Void) throws {
    switch try OutputPlace(url) {
    case .stream(let url): try stream(to: url, body)
    case .file(let url): try replace(url, body)
    }
  }

  package static func write(_ text: String, to url: URL) throws {
    try write(to: url) { try $0.write(contentsOf: Data(text.utf8)) }
  }

  private static func replace(_ url: URL, _ body: (FileHandle) throws -> Void) throws {
    try Partial.sweep(beside: url)
    let partial = try Partial.file(for: url)
    // Who may read a file stays as it was.
    var old = stat()
    if stat(url.path, &old) == 0 { fchmod(partial.descriptor, old.st_mode & 0o7777) }
    do {
      let file = FileHandle(fileDescriptor: partial.descriptor, closeOnDealloc: false)
      try body(file)
      try file.synchronize()
      guard rename(partial.url.path, url.path) == 0 else {
        throw UserError("Cannot rename \(partial.url.path) to \(url.path)", errno)
      }
      partial.close()
    } catch {
      unlink(partial.url.path)
      partial.close()
      throw failure(url, error, "Nothing was changed.")
    }
  }

  private static func stream(to url: URL, _ body: (FileHandle) throws -> Void) throws {
    let descriptor = try OutputPlace.openStream(url)
    defer { close(descriptor) }
    do { try body(FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)) } catch {
      throw failure(url, error, "")
    }
  }

  /// Errors of the system as sentences; others as they are.
  private static func failure(_ url: URL, _ error: any Error, _ consequence: String) -> any Error {
    guard let code = systemCode(error) else { return error }
    return UserError(
      "Cannot write \(url.path): \(String(cString: strerror(code))). \(consequence)"
        .trimmingCharacters(in: .whitespaces))
  }
}

/// The `errno` behind an error of Foundation's, if there is one.
package func systemCode(_ error: any Error) -> Int32? {
  let error = error as NSError
  if error.domain == NSPOSIXErrorDomain { return Int32(error.code) }
  return (error.userInfo[NSUnderlyingErrorKey] as? NSError).flatMap(systemCode)
}

/// What stands where a command is told to write.
package enum OutputPlace {
  /// A regular file, or nothing yet, at the end of all links.
  case file(URL)
  /// A device, a pipe, or a file that is open already, such as `/dev/stdout`: it is written to, never replaced.
  case stream(URL)

  /// Follows links; a folder is an error.
  package init(_ url: URL) throws {
    var place = url.standardizedFileURL
    for _ in 0..<40 {
      // What is open in this process has its place here; a regular file among it must not be replaced.
      if place.path.hasPrefix("/proc/") || place.path.hasPrefix("/dev/fd/") {
        self = .stream(place)
        return
      }
      var status = stat()
      guard lstat(place.path, &status) == 0 else {
        guard errno == ENOENT else { throw UserError("Cannot write \(url.path)", errno) }
        let folder = place.deletingLastPathComponent().path
        guard FileManager.default.fileExists(atPath: folder) else {
          throw UserError("Cannot write \(url.path): its folder does not exist.")
        }
        self = .file(place)
        return
      }
      switch status.st_mode & S_IFMT {
      case S_IFREG:
        self = .file(place)
        return
      case S_IFDIR: throw UserError("Cannot write \(url.path): it is a folder.")
      case S_IFLNK:
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: place.path)
        place =
          URL(fileURLWithPath: target, relativeTo: place.deletingLastPathComponent().resolved)
          .absoluteURL.standardizedFileURL
      default:
        self = .stream(place)
        return
      }
    }
    throw UserError("Cannot write \(url.path): its links lead in a circle.")
  }

  /// Opens a stream for writing. What is open in this process is written where it stands: opened anew, a file would
  /// have a second place to write at.
  static func openStream(_ url: URL) throws -> Int32 {
    let own = ["/dev/fd", "/proc/self/fd", "/proc/\(getpid())/fd"]
    let isOpen = own.contains(url.deletingLastPathComponent().path)
    let descriptor =
      isOpen
      ? fcntl(Int32(url.lastPathComponent) ?? -1, F_DUPFD_CLOEXEC, 3)
      : open(url.path, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else { throw UserError("Cannot write to \(url.path)", errno) }
    return descriptor
  }

  package var isStream: Bool {
    if case .stream = self { true } else { false }
  }

  /// The regular file that is here already; nil for a stream and for nothing.
  package var existingFile: URL? {
    guard case .file(let url) = self, FileManager.default.fileExists(atPath: url.path) else {
      return nil
    }
    return url
  }
}
