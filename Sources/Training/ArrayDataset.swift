// Rows that lie in memory as arrays.
import Base
import Storage
import Tensors

/// A data set of arrays in memory: the first axis of every value counts the rows. The last batch of a pass over all rows is
/// smaller than the others where they do not come out even.
public struct ArrayDataset: Dataset, Sendable {
  public let unit: String
  public let count: Int
  public let fields: [Field: Shape]
  public let fingerprint: String
  private let values: [Field: TensorData]
  private let labels: Field?

  /// Rows of float32 or int32 values, each [count, ...] with the same count. `labels` names the field of classes, int32
  /// [count], if there is one: -1 marks a row whose target does not count, as cross-entropy takes it. `unit` is what a row is
  /// called, in the plural. Traps where the values do not fit together.
  public init(_ values: [Field: TensorData], labels: Field? = nil, unit: String = "rows") {
    demand(!values.isEmpty, "a data set has at least one field")
    for (field, value) in values {
      demand(
        value.type.elementType == field.elementType,
        "the field \(field.name) is \(field.elementType.name), its values are \(value.type)")
      demand(!field.elementType.isNarrow, "the values of a data set are float32 or int32")
      demand(value.shape.rank > 0, "the first axis of \(field.name) counts the rows")
    }
    let counts = Set(values.values.map { $0.shape[0] })
    demand(
      counts.count == 1,
      "the fields have different numbers of rows: "
        + values.map { "\($0.name) \($1.shape)" }.sorted().joined(separator: ", "))
    demand(
      Set(values.keys.map(\.name)).count == values.count, "two fields of a data set have one name")
    if let labels {
      demand(
        labels.elementType == .int32 && values[labels]?.shape.rank == 1,
        "labels are a field of int32 [count]")
    }
    (self.values, self.labels, self.unit) = (values, labels, unit)
    count = counts.first ?? 0
    var fields: [Field: Shape] = [:]
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
      values.mapValues { $0.rows(numbers) }, labels: labels, unit: unit)
  }

  public var fillsBatches: Bool { false }

  public func batch(of rows: [Int?]) -> Batch {
    let rows = rows.map { row in
      guard let row, (0..<count).contains(row) else {
        fatal(
          "a batch is made of rows from 0 to \(count - 1), not of \(row.map(String.init) ?? "none")"
        )
      }
      return row
    }
    return Batch(values.mapValues { $0.rows(rows) }, weight: weight(of: rows))
  }

  public func weight(of rows: [Int?]) -> Int {
    guard let labels = labels.flatMap({ values[$0] })?.integers else { return rows.count }
    return rows.count { $0.map { labels[$0] >= 0 } ?? false }
  }
}

extension TensorData {
  /// Some rows by number, of float32 or int32.
  func rows(_ numbers: some Collection<Int>) -> TensorData {
    let width = shape.extents.dropFirst().reduce(1, *)
    func gathered<Number>(_ all: [Number]) -> [Number] {
      var chosen: [Number] = []
      chosen.reserveCapacity(numbers.count * width)
      for number in numbers { chosen += all[number * width..<(number + 1) * width] }
      return chosen
    }
    let shape = Shape([numbers.count] + self.shape.extents.dropFirst())
    return type.elementType == .int32
      ? TensorData(shape, gathered(integers)) : TensorData(shape, gathered(floats))
  }
}
