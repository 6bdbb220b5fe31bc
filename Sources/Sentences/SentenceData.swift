// Sentences, one per row.
import Base
import Storage
import Tensors
import Training

extension Field {
  /// How many tokens of a row count, one number a row; rows that fill up a batch have one.
  package static let lengths = Field("lengths", .int32)
  /// 1 for a row that counts, 0 for one that fills up a batch.
  package static let counts = Field("counts")
}

/// Sentences as rows of ids, filled up to one length. A loss is divided by the number of sentences.
package struct SentenceData: Dataset, Sendable {
  package let sentences: [[Int32]]
  package let length: Int

  /// Sentences of 1 to `length` ids each.
  package init(_ sentences: [[Int32]], length: Int) {
    demand(
      sentences.allSatisfy { (1...length).contains($0.count) },
      "a sentence has from 1 to \(length) ids")
    self.sentences = sentences
    self.length = length
  }

  package var count: Int { sentences.count }
  package var unit: String { "sentences" }
  package var fields: [Field: Shape] { [.tokens: [length], .lengths: [], .counts: []] }
  package func weight(of rows: [Int?]) -> Int { rows.count { $0 != nil } }

  package var fingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("sentences of at most \(length)")
    for sentence in sentences { fingerprint.add(sentence) }
    return fingerprint.description
  }

  package func batch(of numbers: [Int?]) -> Batch {
    let rows = numbers.map { $0.map { sentences[$0] } }
    return Batch(
      [
        .tokens: Self.tokens(rows, length), .lengths: Self.lengths(rows),
        .counts: TensorData([rows.count], rows.map { $0 == nil ? Float(0) : 1 }),
      ], weight: weight(of: numbers))
  }

  /// Ids int32 [B, T], filled up with zeros.
  static func tokens(_ rows: [[Int32]?], _ length: Int) -> TensorData {
    TensorData(
      [rows.count, length],
      rows.flatMap { row in
        (row ?? []) + [Int32](repeating: 0, count: length - (row?.count ?? 0))
      })
  }

  /// Lengths int32 [B]; rows of nothing have one token.
  static func lengths(_ rows: [[Int32]?]) -> TensorData {
    TensorData([rows.count], rows.map { Int32($0?.count ?? 1) })
  }
}
