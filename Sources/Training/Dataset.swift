// What a model is trained on, or judged by, whatever it is.
import Base
import Tensors

/// Numbered rows of named values.
public protocol Dataset {
  /// The shape of one row's value of each field.
  var fields: [Field: Shape] { get }
  /// What is counted where targets count, in the plural: "tokens", "sentences", "images".
  var unit: String { get }
  /// How many rows one pass has.
  var count: Int { get }
  /// What tells these data from others: a hash of their contents.
  var fingerprint: String { get }

  /// Whether a batch may hold rows that are none, which no loss counts: true unless said otherwise. Then the last batch of a
  /// pass is filled up to the size of the others, and one graph does for all; else it is smaller.
  var fillsBatches: Bool { get }

  /// Some rows by number; nil is a row that counts for nothing, for data whose batches are filled up.
  func batch(of rows: [Int?]) throws -> Batch

  /// How many targets of some rows count.
  func weight(of rows: [Int?]) throws -> Int

  /// The rows as a pass of a training reads them. Data may be cut anew in each pass; all passes have as many rows.
  func pass(_ number: Int, seed: UInt64) -> any Dataset

  /// The rows that a training reads at some place: a function of the place, and of the weights at that step, alone, so
  /// that a resumed run goes on exactly.
  func batch(at place: TrainingPlace) throws -> Batch

  /// How many targets count at a place.
  func weight(at place: TrainingPlace) throws -> Int
}

/// Where a training is: a micro-batch of a step.
public struct TrainingPlace: Hashable, Sendable {
  /// The step, counted from 0.
  public let step: Int
  /// The micro-batch, counted from 0, and how many a step has.
  public let microBatch: Int
  /// How many micro-batches a step has.
  public let microBatchCount: Int
  /// Rows of a micro-batch.
  public let rowCount: Int
  /// The seed of the training.
  public let seed: UInt64

  /// A step and a micro-batch, both counted from 0, of `rowCount` rows.
  public init(
    step: Int, microBatch: Int = 0, of microBatchCount: Int = 1, rowCount: Int, seed: UInt64
  ) {
    self.step = step
    self.microBatch = microBatch
    self.microBatchCount = microBatchCount
    self.rowCount = rowCount
    self.seed = seed
  }

  /// The rows that a training has read before.
  public var firstRow: Int { (step * microBatchCount + microBatch) * rowCount }
}

extension Dataset {
  public var fillsBatches: Bool { true }

  public func weight(of rows: [Int?]) throws -> Int { try batch(of: rows).weight }

  public func pass(_ number: Int, seed: UInt64) -> any Dataset { self }

  public func batch(at place: TrainingPlace) throws -> Batch {
    Batch.joined(try passes(at: place).map { try $0.pass.batch(of: $0.rows) })
  }

  public func weight(at place: TrainingPlace) throws -> Int {
    try passes(at: place).reduce(0) { $0 + (try $1.pass.weight(of: $1.rows)) }
  }

  /// The rows of a place, pass by pass. The order of each pass is a permutation of its own, which needs no memory.
  private func passes(at place: TrainingPlace) -> [(pass: any Dataset, rows: [Int?])] {
    let perPass = pass(0, seed: place.seed).count
    demand(perPass > 0, "there are no rows to train on")
    let end = place.firstRow + place.rowCount
    var next = place.firstRow
    var parts: [(pass: any Dataset, rows: [Int?])] = []
    while next < end {
      let number = next / perPass
      let last = min(end, (number + 1) * perPass)
      let stream = UInt32(truncatingIfNeeded: number)
      let rows = (next..<last).map {
        Philox.permuted($0 % perPass, of: perPass, seed: place.seed, stream: stream)
      }
      parts.append((pass(number, seed: place.seed), rows))
      next = last
    }
    return parts
  }

  /// All rows in order, in batches of a size above 0; the last one is filled up with rows that do not count, or is smaller.
  public func batches(of size: Int) -> Batches { Batches(self, size: size) }
}

/// The rows of a data set in order, in batches that are made when they are asked for.
public struct Batches {
  private let data: any Dataset
  /// Rows of a batch.
  public let size: Int

  init(_ data: any Dataset, size: Int) {
    demand(size > 0, "a batch has at least one row")
    self.data = data
    self.size = size
  }

  /// The number of batches.
  public var count: Int { (data.count + size - 1) / size }

  /// A batch by number.
  public subscript(index: Int) -> Batch {
    get throws {
      let first = index * size
      let rows = first..<(data.fillsBatches ? first + size : min(first + size, data.count))
      return try data.batch(of: rows.map { $0 < data.count ? $0 : nil })
    }
  }

  /// Calls `body` with every batch.
  public func each(_ body: (Batch) throws -> Void) throws {
    for index in 0..<count { try body(self[index]) }
  }
}
