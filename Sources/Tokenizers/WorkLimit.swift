// How much a tokenizer may make of a text.

/// Bounds that no tokenizer of use comes near, so that none takes for ever or fills the memory.
enum WorkLimit {
  /// How many scalars the parts of a tokenizer may make of so many.
  static func scalars(from count: Int) -> Int { 32 * count + 1 << 22 }

  /// Steps through patterns or vocabularies on a text of so many scalars.
  static func steps(on count: Int) -> Int { 500 * (count + 20_000) }

  /// Throws where a part makes too much of a text.
  static func check(_ made: Int, from count: Int, by part: String) throws {
    guard made > scalars(from: count) else { return }
    throw TokenizerError(
      "The tokenizer's \(part) makes more than \(scalars(from: count)) characters of \(count), which is refused."
    )
  }
}

/// Counts the steps through a vocabulary, which take longer than those of patterns.
struct StepCounter {
  private var left: Int
  private let count: Int

  init(_ count: Int) {
    left = WorkLimit.steps(on: count) / 4
    self.count = count
  }

  mutating func take(_ steps: Int) throws {
    left -= steps
    guard left < 0 else { return }
    throw TokenizerError(
      "The tokenizer's tokens are so long that a text of \(count) characters takes too many steps.")
  }
}
