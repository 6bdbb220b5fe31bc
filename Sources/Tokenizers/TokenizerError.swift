// What is wrong with a tokenizer.

/// A tokenizer that cannot be read or made: which part of it, and why.
public struct TokenizerError: Error, CustomStringConvertible, Sendable {
  public let description: String

  public init(_ description: String) { self.description = description }
}
