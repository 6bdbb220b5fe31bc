// Sentences cut in two, which belong together.
import Tensors
import Training

extension Field {
  /// The halves of a sentence as rows of ids, [T] each, and how many of them count.
  static let firstTokens = Field("first.tokens", .int32)
  static let firstLengths = Field("first.lengths", .int32)
  static let secondTokens = Field("second.tokens", .int32)
  static let secondLengths = Field("second.lengths", .int32)
  /// The row in its batch whose half belongs to a row's: its own; -1 for one that counts for nothing.
  static let places = Field("places", .int32)
}

/// The halves of sentences, from which an encoder can learn without a teacher.
package struct SentenceHalves: Dataset, Sendable {
  private let base: SentenceData

  package init(_ base: SentenceData) { self.base = base }

  package var unit: String { base.unit }
  package var count: Int { base.count }
  package var fingerprint: String { base.fingerprint }
  package var fields: [Field: Shape] {
    [
      .firstTokens: [base.length], .firstLengths: [], .secondTokens: [base.length],
      .secondLengths: [], .places: [],
    ]
  }

  package func weight(of rows: [Int?]) -> Int { base.weight(of: rows) }

  package func batch(of numbers: [Int?]) -> Batch {
    let rows = numbers.map { $0.map { base.sentences[$0] } }
    let (first, second) = (
      rows.map { $0.map { Self.half($0, isFirst: true) } },
      rows.map { $0.map { Self.half($0, isFirst: false) } }
    )
    return Batch(
      [
        .firstTokens: SentenceData.tokens(first, base.length),
        .firstLengths: SentenceData.lengths(first),
        .secondTokens: SentenceData.tokens(second, base.length),
        .secondLengths: SentenceData.lengths(second),
        .places: TensorData(
          [rows.count], rows.enumerated().map { $1 == nil ? -1 : Int32($0) }),
      ], weight: weight(of: numbers))
  }

  /// Half of a sentence between the tokens that begin and end it; the whole where it has fewer than four
  /// others.
  static func half(_ sentence: [Int32], isFirst: Bool) -> [Int32] {
    guard sentence.count >= 6 else { return sentence }
    let middle = sentence.count / 2
    return isFirst
      ? Array(sentence[..<middle]) + [sentence[sentence.count - 1]]
      : [sentence[0]] + Array(sentence[middle...])
  }
}
