// One process at a time.
import Base
import Foundation

/// A small file that is open and locked as long as this object lives; the lock ends with the process, however
/// it ends.
package final class FileLock {
  package let url: URL
  private let descriptor: Int32

  /// Locks a file, which is made if it is missing and `makes` says so. nil where another process has the lock.
  package init?(_ url: URL, makes: Bool) throws {
    while true {
      let flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (makes ? O_CREAT : 0)
      let descriptor = open(url.path, flags, 0o666)
      guard descriptor >= 0 else { throw UserError("Cannot open \(url.path)", errno) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        let code = errno
        close(descriptor)
        if code == EWOULDBLOCK { return nil }
        throw UserError("Cannot lock \(url.path)", code)
      }
      var status = stat()
      // Whoever had the lock before may have removed the file.
      if fstat(descriptor, &status) == 0, status.st_nlink == 0 {
        close(descriptor)
        continue
      }
      self.url = url
      self.descriptor = descriptor
      return
    }
  }

  deinit { close(descriptor) }

  /// What the file holds.
  package func read() throws -> Data {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw UserError("Cannot read \(url.path)", errno)
    }
    var data = Data(count: Int(status.st_size))
    let count = data.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard count == data.count else { throw UserError("Cannot read \(url.path)", errno) }
    return data
  }

  /// Puts text in place of what the file holds.
  package func replace(by text: String) throws {
    guard ftruncate(descriptor, 0) == 0 else {
      throw UserError("Cannot write \(url.path)", errno)
    }
    try append(text)
    try synchronize()
  }

  /// Flushes what was written to the disk.
  package func synchronize() throws {
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw UserError("Cannot write \(url.path)", errno)
    }
  }

  /// Adds text at the end.
  package func append(_ text: String) throws {
    lseek(descriptor, 0, SEEK_END)
    do {
      try FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        .write(contentsOf: Data(text.utf8))
    } catch { throw UserError("Cannot write \(url.path)", of: error) }
  }

  /// Removes the file; the lock holds on.
  package func remove() { unlink(url.path) }
}
