// What is wrong with a file.

/// A file that cannot be read or written: which, why, and what to do.
public struct StorageError: Error, CustomStringConvertible, Sendable {
  public let description: String

  public init(_ description: String) { self.description = description }
}
