// SentencePiece's table of replacements.
import Foundation

/// A double-array trie from byte strings to replacements (Kudo and Richardson, arXiv 1808.06226;
/// Yata's Darts-clone is the layout of the trie).
struct PrecompiledCharsmap: Sendable {
  private let units: [UInt32]
  private let replacements: [UInt8]

  /// The size of the trie in bytes, the trie, then replacements that end in zero bytes.
  init(_ data: Data) throws {
    let bytes = [UInt8](data)
    func word(_ offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * $1) }
    }
    guard bytes.count >= 4, Int(word(0)) <= bytes.count - 4, word(0) % 4 == 0 else {
      throw TokenizerError("The precompiled_charsmap of the tokenizer is damaged.")
    }
    let size = Int(word(0))
    units = stride(from: 4, to: 4 + size, by: 4).map(word)
    replacements = Array(bytes[(4 + size)...])
  }

  /// A cluster of at most five bytes is replaced as a whole where the trie has its beginning; else each
  /// scalar by itself.
  func callAsFunction(_ text: Scalars) throws -> Scalars {
    var out: Scalars = []
    for character in text.text {
      let cluster = Array(character.unicodeScalars)
      if character.utf8.count < 6, let replaced = replacement(cluster.utf8) {
        out += replaced
      } else {
        for scalar in cluster { out += replacement([scalar].utf8) ?? [scalar] }
      }
      try WorkLimit.check(out.count, from: text.count, by: "precompiled_charsmap")
    }
    return out
  }

  /// What the shortest entry that begins `key` is replaced by.
  private func replacement(_ key: [UInt8]) -> Scalars? {
    guard let first = units.first else { return nil }
    func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & (1 << 9)) >> 6)) }
    var place = offset(first)
    for byte in key {
      guard byte != 0 else { return nil }
      place ^= Int(byte)
      guard units.indices.contains(place) else { return nil }
      let unit = units[place]
      guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
      place ^= offset(unit)
      guard unit >> 8 & 1 == 1 else { continue }
      guard units.indices.contains(place) else { return nil }
      let start = Int(units[place] & 0x7FFF_FFFF)
      guard start <= replacements.count else { return nil }
      let text = replacements[start...].prefix { $0 != 0 }
      return Scalars(String(decoding: text, as: UTF8.self))
    }
    return nil
  }
}
