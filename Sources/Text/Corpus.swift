// Text, split into what is trained on, what weights are chosen by and what is held out.
import Foundation
import Tensors
import Training

/// Entries of text in three parts.
package struct Corpus: Sendable {
  package let training: [String]
  package let validation: [String]
  package let heldOut: [String]

  /// Shares of some entries, chosen by `seed`, are held out and kept for validation.
  package init(
    _ entries: [String], heldOutShare: Double, validationShare: Double = 0, seed: UInt64
  ) {
    let parts = Parts(
      of: entries.count, heldOutShare: heldOutShare, validationShare: validationShare, seed: seed)
    (training, validation, heldOut) = parts.split(entries)
  }

  /// The entries of a text: what lies between lines that hold only `%`, as in Debian's `fortunes`;
  /// without those, paragraphs; where these are few, lines; where even these are, pieces of 1,000
  /// characters.
  package static func entries(of text: String) -> [String] {
    func pieces(_ separator: String) -> [String] {
      text.components(separatedBy: separator)
        .map { $0.trimmingCharacters(in: .newlines) }
        .filter { !$0.isEmpty && $0 != "%" }
    }
    if ("\n" + text).contains("\n%\n") { return pieces("\n%\n") }
    for separator in ["\n\n", "\n"] {
      let found = pieces(separator)
      if found.count >= 20 { return found }
    }
    var rest = Substring(text.trimmingCharacters(in: .newlines))
    var found: [String] = []
    while !rest.isEmpty {
      found.append(String(rest.prefix(1000)))
      rest = rest.dropFirst(1000)
    }
    return found
  }

  /// Bytes of entries per token of them; an entry's end counts as one byte.
  package static func bytesPerToken(_ entries: [String], _ tokenCount: Int) -> Double {
    Double(entries.reduce(0) { $0 + $1.utf8.count + 1 }) / Double(max(1, tokenCount))
  }

  /// The ids of entries one after the other, each followed by the end of text.
  package static func tokens(
    _ entries: [String], endOfText: Int32, encode: (String) throws -> [Int32]
  )
    rethrows -> [Int32]
  {
    try entries.reduce(into: []) { tokens, entry in
      tokens += try encode(entry)
      // Some tokenizers end a text themselves.
      if tokens.last != endOfText { tokens.append(endOfText) }
    }
  }
}
