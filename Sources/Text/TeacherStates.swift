// What a teacher said of held-out rows, kept in memory.
import Base
import Models
import Tensors
import Training

extension Teacher {
  /// The last hidden states and likeliest tokens of a model for every row of some data: whoever is compared with it on these rows
  /// reads them, so that its layers run once and not once for every model compared. Its head stays in the store.
  public struct States {
    let head: Head
    /// Of each row, in the order of the data: hidden states [T, C], and the likeliest next tokens, int32 [T].
    private var hidden: [[Float]] = []
    private var best: [[Int32]] = []
    private let (length, width): (Int, Int)

    /// States that take more bytes than this are not kept.
    private static let byteLimit = 1 << 30

    /// Room for what a model says of some data, whose last hidden states are [B, T, C]; nil where that is too much.
    init?(_ head: Head, hidden: Shape, over data: any TokenData) {
      guard data.count * data.length * hidden.columnCount * 4 <= Self.byteLimit else { return nil }
      (self.head, length, width) = (head, data.length, hidden.columnCount)
    }

    /// Takes the first rows of a batch: hidden states [B, T, C], likeliest tokens [B, T].
    mutating func add(_ states: TensorData, _ classes: TensorData, rowCount: Int) {
      let (values, ids, size) = (states.floats, classes.integers, length * width)
      for row in 0..<rowCount {
        hidden.append(Array(values[row * size..<(row + 1) * size]))
        best.append(Array(ids[row * length..<(row + 1) * length]))
      }
    }

    /// The fields that these states add to a row.
    var fields: [Field: Shape] { [.teacherHidden: [length, width], .teacherBest: [length]] }

    /// The fields of some rows; those that only fill a batch get zeros.
    func values(of rows: [Int?]) -> [Field: TensorData] {
      let states = rows.flatMap { row in
        row.map { hidden[$0] } ?? [Float](repeating: 0, count: length * width)
      }
      let classes = rows.flatMap { row in
        row.map { best[$0] } ?? [Int32](repeating: 0, count: length)
      }
      return [
        .teacherHidden: TensorData([rows.count, length, width], states),
        .teacherBest: TensorData([rows.count, length], classes),
      ]
    }
  }
}

/// Data to which a teacher's states are added, row by row.
struct DataWithStates: TokenData {
  private let base: any TokenData
  private let states: Teacher.States

  /// The states are those of the very rows of `base`.
  init(_ base: any TokenData, _ states: Teacher.States) {
    (self.base, self.states) = (base, states)
  }

  var length: Int { base.length }
  var count: Int { base.count }
  var targetCount: Int { base.targetCount }
  var fingerprint: String { base.fingerprint }
  var fields: [Field: Shape] { base.fields.merging(states.fields) { $1 } }

  func weight(of rows: [Int?]) throws -> Int { try base.weight(of: rows) }

  func batch(of rows: [Int?]) throws -> Batch {
    var batch = try base.batch(of: rows)
    batch.values.merge(states.values(of: rows)) { $1 }
    return batch
  }
}
