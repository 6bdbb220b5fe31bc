// Rows of a student's tokens with what a teacher said of pieces of their text.
import Base
import Storage
import Tensors
import Training

extension Field {
  /// The piece of its row that the label of each position belongs to, [T] a row; -1 for none.
  package static let pieces = Field("pieces", .int32)
  /// -log P of each piece of a row by the teacher, in nats, [T] a row; 0 where there are fewer.
  package static let pieceNats = Field("piece_nats")
}

/// Texts, a row each, with the pieces that their labels belong to.
package struct PieceRows: TokenData, Sendable {
  /// What a teacher said of a piece.
  package struct Answer: Sendable, Hashable {
    /// The positions of the piece's tokens.
    package let tokens: ClosedRange<Int>
    /// -log of its likelihood.
    package let nats: Float
  }

  private let texts: TokenExamples
  /// What is known of the pieces of each row; empty before a teacher was asked.
  package var answers: [[Answer]]
  /// Whether the answers are a part of the data, and not a teacher's that is here.
  private let areRecorded: Bool

  /// Examples of at most `length` tokens and one more, of which some are learnt, with what was recorded of them; nil for what is still
  /// to be asked.
  init(_ examples: [TokenExamples.Example], length: Int, recorded: [[Answer]]? = nil) {
    texts = TokenExamples(examples, length: length)
    demand(
      texts.cutCount + texts.droppedCount == 0, "rows with pieces are as long as they are shown")
    (answers, areRecorded) = (recorded ?? [], recorded != nil)
  }

  package var length: Int { texts.length }
  package var count: Int { texts.count }
  package var targetCount: Int { texts.targetCount }
  package func weight(of numbers: [Int?]) -> Int { texts.weight(of: numbers) }

  package var fields: [Field: Shape] {
    texts.fields.merging([.pieces: [length], .pieceNats: [length]]) { $1 }
  }

  package var fingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("with pieces: \(texts.fingerprint)")
    if areRecorded { fingerprint.add("\(answers)") }
    return fingerprint.description
  }

  package func batch(of numbers: [Int?]) -> Batch {
    var batch = texts.batch(of: numbers)
    var (pieces, nats): ([Int32], [Float]) = ([], [])
    for number in numbers {
      var ofPositions = [Int32](repeating: -1, count: length)
      var ofPieces = [Float](repeating: 0, count: length)
      if let number, !answers.isEmpty {
        let isTarget = texts.examples[number].isTarget
        for (index, answer) in answers[number].enumerated() {
          ofPieces[index] = answer.nats
          // The label of a position is the token behind it.
          for token in answer.tokens where isTarget[token] {
            ofPositions[token - 1] = Int32(index)
          }
        }
      }
      pieces += ofPositions
      nats += ofPieces
    }
    let shape: Shape = [numbers.count, length]
    batch.values[.pieces] = TensorData(shape, pieces)
    batch.values[.pieceNats] = TensorData(shape, nats)
    return batch
  }
}

extension TokenExamples.Example {
  /// Tokens that are learnt. The first is none of them: nothing stands before it.
  var targetCount: Int { isTarget.dropFirst().count { $0 } }

  /// The same with a token before it, where its first one is learnt: the end of a text.
  func begun(by tokenizer: RunTokenizer) -> Self {
    guard let first = tokens.first, isTarget[0] else { return self }
    var example = self
    if !tokenizer.isEnd(first) || tokens.count == 1 {
      example.tokens.insert(tokenizer.endOfText, at: 0)
      example.isTarget.insert(false, at: 0)
    }
    example.isTarget[0] = false
    return example
  }

  /// At most so many tokens, and one more.
  func cut(to length: Int) -> Self {
    Self(tokens: Array(tokens.prefix(length + 1)), isTarget: Array(isTarget.prefix(length + 1)))
  }
}
