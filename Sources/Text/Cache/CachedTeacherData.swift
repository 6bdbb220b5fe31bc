// Rows of tokens with what a teacher said of them earlier.
import Base
import Foundation
import Storage
import Tensors
import Training

extension Field {
  /// The teacher's last hidden states, [T, C] a row.
  static let teacherHidden = Field("teacher.hidden")
  /// Its logits, [T, V] a row, or those of listed classes, [T, k].
  static let teacherLogits = Field("teacher.logits")
  /// Listed classes, the likeliest first, [T, k] a row.
  static let teacherClasses = Field("teacher.classes", .int32)
  /// The log-sum-exp of all logits at the loss's temperature and at 1, [T, 2] a row.
  static let teacherSums = Field("teacher.sums")
  /// The likeliest class of a list, [T] a row.
  static let teacherBest = Field("teacher.best", .int32)
}

/// Data to which a cache adds its teacher's distributions, found by the tokens of each row.
struct CachedTeacherData: TokenData {
  private let base: any TokenData
  private let cache: TeacherCache
  private let temperature: Float

  /// Traps for rows of several texts or of another length than the cache's, and for a temperature that a cache of
  /// lists was not made for.
  init(_ base: any TokenData, _ cache: TeacherCache, temperature: Float) {
    demand(base.fields[.segments] == nil, "a cache has rows of one text each")
    demand(
      base.length == cache.description.length,
      "the cache has rows of \(cache.description.length) tokens")
    self.base = base
    self.cache = cache
    self.temperature = temperature
  }

  var length: Int { base.length }
  var count: Int { base.count }
  var targetCount: Int { base.targetCount }
  var fingerprint: String { base.fingerprint }
  var fields: [Field: Shape] {
    base.fields.merging(cache.types(temperature: temperature).mapValues(\.shape)) { $1 }
  }

  func batch(of rows: [Int?]) throws -> Batch { try adding(to: base.batch(of: rows)) }
  func batch(at place: TrainingPlace) throws -> Batch { try adding(to: base.batch(at: place)) }
  func weight(of rows: [Int?]) throws -> Int { try base.weight(of: rows) }
  func weight(at place: TrainingPlace) throws -> Int { try base.weight(at: place) }

  /// The batch with the fields of the cache. Rows that count for nothing get zeros.
  private func adding(to batch: Batch) throws -> Batch {
    let labels = batch[.labels].integers
    let parts = try batch.rows.enumerated().map { index, row in
      let isEmpty = labels[index * length..<(index + 1) * length].allSatisfy { $0 < 0 }
      return try cache.values(of: isEmpty ? nil : row, temperature: temperature)
    }
    var batch = batch
    for (field, type) in cache.types(temperature: temperature) {
      let whole = Shape([parts.count] + type.shape.extents)
      batch.values[field] = TensorData(joining: parts.compactMap { $0[field] })
        .reshaped(to: whole)
    }
    return batch
  }
}
