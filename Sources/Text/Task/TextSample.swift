// A text as a person can check it before a model learns from it.
import Base
import Experiments
import Tensors
import Tokenizers

extension DataSample {
  /// The first entry and the first row of a text.
  package init(_ text: RunText, _ tokenizer: Tokenizer) throws {
    let (row, learntCount) = try Self.row(text.training, tokenizer)
    self.init(
      text.firstEntry, row: row, of: text.training.length,
      learntCount.map { ", of which the \(grouped($0)) between « and » are learnt" } ?? "")
  }

  /// An entry with a row of at most `length` tokens, of which `learnt` says more.
  package init(_ entry: DataEntry?, row: String, of length: Int, _ learnt: String = "") {
    self.init(
      entry: entry?.original ?? "", source: entry?.source ?? "", row: row,
      rowTitle: "A row of at most \(counted(length, "token"))\(learnt)")
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
}
