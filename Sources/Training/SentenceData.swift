// Sentences, one per row.
import Base
import Storage
import Tensors

/// Sentences as rows of ids, filled up to one length. The label of a row's first position is the number of
/// its ids, and no other position counts: a loss is divided by the number of sentences.
public struct SentenceData: TextRows, Sendable {
  public let sentences: [[Int32]]
  public let length: Int

  /// Sentences of 1 to `length` ids each.
  public init(_ sentences: [[Int32]], length: Int) {
    demand(
      sentences.allSatisfy { (1...length).contains($0.count) },
      "a sentence has from 1 to \(length) ids")
    self.sentences = sentences
    self.length = length
  }

  public var count: Int { sentences.count }
  public var targetCount: Int { sentences.count }
  public func targetCount(ofRow row: Int) -> Int { 1 }

  public var fingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("sentences of at most \(length)")
    for sentence in sentences { fingerprint.add(sentence) }
    return fingerprint.description
  }

  public func batch(_ numbers: [Int?]) -> TokenBatch {
    let rows = numbers.map { $0.map { sentences[$0] } }
    let tokens = rows.flatMap { row -> [Int32] in
      let ids = row ?? []
      return ids + [Int32](repeating: 0, count: length - ids.count)
    }
    let labels = rows.flatMap { row -> [Int32] in
      [row.map { Int32($0.count) } ?? -1] + [Int32](repeating: -1, count: length - 1)
    }
    let shape: Shape = [rows.count, length]
    return TokenBatch(tokens: TensorData(shape, tokens), labels: TensorData(shape, labels))
  }

  /// The sentences of a batch; rows that fill it up are empty.
  public static func sentences(of batch: TokenBatch) -> [ArraySlice<Int32>] {
    let (rows, labels) = (batch.rows, batch.labels.integers)
    return rows.enumerated().map { index, row in
      row.prefix(Int(max(0, labels[index * row.count])))
    }
  }
}
