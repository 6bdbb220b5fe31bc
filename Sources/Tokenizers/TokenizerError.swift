// What is wrong with a tokenizer.

/// A tokenizer that cannot be read or made: which part of it, and why.
package struct TokenizerError: Error, CustomStringConvertible, Sendable {
  package let description: String

  package init(_ description: String) { self.description = description }
}
