// Rows that lie in memory as arrays.
import Base
import Storage
import Tensors

/// A data set of arrays in memory: the first axis of every value counts the rows.
///
/// Beside the given fields it has `Field.counts`, which is 1 for its rows and 0 for those that fill up a batch.
public struct ArrayDataset: Dataset, Sendable {
  public let unit: String
  public let count: Int
  public let fields: [Field: Shape]
  public let fingerprint: String
  private let values: [Field: TensorData]
  private let labels: Field?

  /// Rows of float32 or int32 values, each [count, ...] with the same count. `labels` names the field of classes, int32
  /// [count], if there is one: -1 marks a row whose target does not count, and is what rows that fill up a batch have.
  /// `unit` is what a row is called, in the plural. Traps where the values do not fit together.
  public init(_ values: [Field: TensorData], labels: Field? = nil, unit: String = "rows") {
    demand(!values.isEmpty, "a data set has at least one field")
    for (field, value) in values {
      demand(
        value.type.elementType == field.elementType,
        "the field \(field.name) is \(field.elementType.rawValue), its values are \(value.type)")
      demand(!field.elementType.isNarrow, "the values of a data set are float32 or int32")
      demand(value.shape.rank > 0, "the first axis of \(field.name) counts the rows")
    }
    let counts = Set(values.values.map { $0.shape[0] })
    demand(
      counts.count == 1,
      "the fields have different numbers of rows: "
        + values.map { "\($0.name) \($1.shape)" }.sorted().joined(separator: ", "))
    demand(values[.counts] == nil, "the field counts is the data set's own")
    if let labels {
      demand(
        labels.elementType == .int32 && values[labels]?.shape.rank == 1,
        "labels are a field of int32 [count]")
    }
    (self.values, self.labels, self.unit) = (values, labels, unit)
    count = counts.first ?? 0
    var fields: [Field: Shape] = [.counts: []]
    var fingerprint = Fingerprint()
    for (field, value) in values.sorted(by: { $0.key.name < $1.key.name }) {
      fields[field] = Shape(Array(value.shape.extents.dropFirst()))
      fingerprint.add("\(field.name) \(value.type)")
      value.withUnsafeBytes { fingerprint.add($0) }
    }
    (self.fields, self.fingerprint) = (fields, fingerprint.description)
  }

  /// Some rows by number, as a data set of their own. Traps for rows that are not there.
  public func rows(_ numbers: Range<Int>) -> ArrayDataset {
    demand(
      numbers.lowerBound >= 0 && numbers.upperBound <= count,
      "rows \(numbers) of a data set that has \(count)")
    return ArrayDataset(
      values.mapValues { $0.rows(Array(numbers), filler: 0) }, labels: labels, unit: unit)
  }

  public func batch(of rows: [Int?]) -> Batch {
    var batch = values.reduce(into: [Field: TensorData]()) { batch, item in
      let filler: Int32 = item.key == labels ? -1 : 0
      batch[item.key] = item.value.rows(rows, filler: filler)
    }
    batch[.counts] = TensorData([rows.count], rows.map { $0 == nil ? Float(0) : 1 })
    return Batch(batch, weight: weight(of: rows))
  }

  public func weight(of rows: [Int?]) -> Int {
    guard let labels = labels.flatMap({ values[$0] })?.integers else {
      return rows.count { $0 != nil }
    }
    return rows.count { $0.map { labels[$0] >= 0 } ?? false }
  }
}

extension TensorData {
  /// Some rows by number, of float32 or int32; a row that is nil is filled with one number.
  fileprivate func rows(_ numbers: [Int?], filler: Int32) -> TensorData {
    let width = shape.extents.dropFirst().reduce(1, *)
    func gathered<Number>(_ all: [Number], _ filler: Number) -> [Number] {
      var chosen: [Number] = []
      chosen.reserveCapacity(numbers.count * width)
      for number in numbers {
        if let number {
          chosen += all[number * width..<(number + 1) * width]
        } else {
          chosen += repeatElement(filler, count: width)
        }
      }
      return chosen
    }
    let shape = Shape([numbers.count] + self.shape.extents.dropFirst())
    return type.elementType == .int32
      ? TensorData(shape, gathered(integers, filler))
      : TensorData(shape, gathered(floats, Float(filler)))
  }
}

extension Dataset {
  /// What a formula gives for each row, [count, ...], with the variables of a store. `formula` makes a tensor [B, ...] of the
  /// fields of B rows, as of class 2 of a picture. Its graph is prepared anew in every call. Throws where it does not fit the
  /// device; traps where the tensor's first axis does not count the rows.
  public func values(
    on store: VariableStore, batchSize: Int = 64, _ formula: (_ inputs: Inputs) -> Tensor
  ) throws -> TensorData {
    demand(count > 0, "there are no rows")
    let batches = batches(of: min(max(1, batchSize), count))
    let inputs = Inputs(of: self, rowCount: batches.size)
    let result = formula(inputs)
    demand(
      result.shape.rank > 0 && result.shape[0] == batches.size,
      "the formula gives \(result.shape) for \(batches.size) rows")
    let executor = try GraphExecutor(Graph(outputs: [result]), on: store)
    var parts: [TensorData] = []
    try batches.each { batch in
      try inputs.set(batch, on: executor)
      try executor.run()
      parts.append(try executor.value(of: result))
    }
    return TensorData(joining: parts).rows(Array(0..<count), filler: 0)
  }
}
