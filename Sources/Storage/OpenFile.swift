// Files that are read in parts, and never mapped.
import Base
import Foundation

/// A file that is open for reading. Parts are read when they are asked for: a file that shrinks in the
/// meantime is an error, where a mapped one would end the process with a signal.
package final class OpenFile: Sendable {
  package let url: URL
  /// The size when the file was opened, in bytes.
  package let byteCount: Int
  private let descriptor: Int32

  /// Opens a regular file; an error says why it cannot be read.
  package init(_ url: URL) throws {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw errno == ENOENT
        ? UserError("Cannot read \(url.path): there is no such file.")
        : UserError("Cannot read \(url.path)", errno)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw UserError("Cannot read \(url.path): it is not a regular file.")
    }
    self.url = url
    self.descriptor = descriptor
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Fills memory with the bytes from `offset` on.
  package func read(at offset: Int, into bytes: UnsafeMutableRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      let count = pread(
        descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw UserError("Cannot read \(url.path)", errno) }
      guard count > 0 else {
        throw UserError(
          "\(url.path) ends at byte \(offset + done): it has become shorter since it was opened, or is cut off."
        )
      }
      done += count
    }
  }

  /// Some bytes from `offset` on.
  package func read(at offset: Int, count: Int) throws -> Data {
    var data = Data(count: count)
    try data.withUnsafeMutableBytes { try read(at: offset, into: $0) }
    return data
  }

  /// Adds the whole content to a fingerprint, in pieces of a few megabytes; `body` is given each with its offset.
  package func add(
    to fingerprint: inout Fingerprint, _ body: (_ offset: Int, Data) throws -> Void = { _, _ in }
  ) throws {
    let size = 4 << 20
    for offset in stride(from: 0, to: byteCount, by: size) {
      let piece = try read(at: offset, count: min(size, byteCount - offset))
      fingerprint.add(piece)
      try body(offset, piece)
    }
  }
}

extension UserError {
  /// A failure of the system, with its reason from `errno`.
  public init(_ what: String, _ code: Int32) {
    self.init("\(what): \(String(cString: strerror(code))).")
  }

  /// A failure of reading or writing that Foundation threw.
  package init(_ what: String, of error: any Error) { self.init(what, systemCode(error) ?? EIO) }
}

extension URL {
  /// The place that a path leads to: absolute, and without links. What does not exist yet is taken below the
  /// part that does.
  package var resolved: URL {
    var missing: [String] = []
    var known = standardizedFileURL
    while known.path != "/" {
      if let real = realpath(known.path, nil) {
        defer { free(real) }
        let base = URL(fileURLWithPath: String(cString: real))
        return missing.reversed().reduce(base) { $0.appending(path: $1) }
      }
      missing.append(known.lastPathComponent)
      known.deleteLastPathComponent()
    }
    return standardizedFileURL
  }

  /// Whether two paths lead to one file, by links of either kind.
  package func isSameFile(as other: URL) -> Bool {
    var (mine, theirs) = (stat(), stat())
    guard stat(path, &mine) == 0, stat(other.path, &theirs) == 0 else {
      return resolved == other.resolved
    }
    return (mine.st_dev, mine.st_ino) == (theirs.st_dev, theirs.st_ino)
  }

  /// Whether this is another place or lies inside of it, links followed.
  package func lies(in folder: URL) -> Bool {
    (resolved.path + "/").hasPrefix(folder.resolved.path == "/" ? "/" : folder.resolved.path + "/")
  }

  /// Whether a link stands here, whatever it points to.
  package var isLink: Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }
}
