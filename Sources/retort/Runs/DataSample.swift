// What a run learns from, as a person can check it.
import Tensors
import Text
import Tokenizers

/// An entry as it stands in its file, and a row as a model is trained on it.
struct DataSample: CustomStringConvertible {
  let description: String

  private static let limit = 600

  init(_ text: RunText, _ tokenizer: Tokenizer) throws {
    self.init(
      text.firstEntry, row: try Self.row(text.training, tokenizer), of: text.training.length)
  }

  init(_ text: RunSentences, _ tokenizer: Tokenizer) {
    let ids = text.training.sentences.first ?? []
    self.init(
      text.firstEntry, row: (tokenizer.decode(ids, skipsSpecialTokens: false), nil),
      of: text.training.length)
  }

  /// An entry and a row of any data, in words.
  init(entry: String, row: String) {
    description = "The first entry:\n\(Self.indented(entry))\nA row:\n\(Self.indented(row))"
  }

  private init(
    _ entry: DataEntry?, row: (text: String, learnt: Int?), of length: Int
  ) {
    let learnt = row.learnt.map { ", of which the \(grouped($0)) between « and » are learnt" } ?? ""
    description = """
      The first entry, \(entry?.source ?? ""):
      \(Self.indented(entry?.original ?? ""))
      A row of at most \(counted(length, "token"))\(learnt):
      \(Self.indented(row.text))
      """
  }

  /// The first row in words, with the tokens that are predicted in brackets, and their number.
  private static func row(_ data: any TokenData, _ tokenizer: Tokenizer) throws -> (String, Int?) {
    guard data.count > 0 else { return ("", nil) }
    let batch = try data.batch(of: [0])
    let (tokens, labels) = (batch[.tokens].integers, batch[.labels].integers)
    // Rows are filled up at their end, with positions that count for nothing.
    let filled = labels.lastIndex { $0 >= 0 }.map { $0 + 1 } ?? tokens.count
    var (text, part, isLearnt, count) = ("", [Int32](), false, 0)
    func flush() {
      guard !part.isEmpty else { return }
      let words = tokenizer.decode(part, skipsSpecialTokens: false)
      text += isLearnt ? "«\(words)»" : words
      part = []
    }
    for place in 0...filled {
      // A token is learnt where it is the label of the position before it.
      let isTarget = place > 0 && labels[place - 1] >= 0
      let id =
        place == 0 ? tokens[0] : isTarget ? labels[place - 1] : place < filled ? tokens[place] : -1
      guard id >= 0 else { continue }
      if isTarget != isLearnt { flush() }
      isLearnt = isTarget
      count += isTarget ? 1 : 0
      part.append(id)
    }
    flush()
    return (text, count)
  }

  /// Lines that are set in, the middle of a long text left out.
  private static func indented(_ text: String) -> String {
    abridged(text, to: limit).split(separator: "\n", omittingEmptySubsequences: false)
      .map { "  \($0)" }.joined(separator: "\n")
  }
}
