// Some rows of data, as named values.
import Base
import Tensors

/// A named value of a batch, such as tokens, labels or pixels.
public struct Field: Hashable, Sendable {
  /// What it is called.
  public let name: String
  /// What its elements are.
  public let elementType: ElementType

  /// A name, and what the elements are.
  public init(_ name: String, _ elementType: ElementType = .float32) {
    self.name = name
    self.elementType = elementType
  }
}

/// Some rows of a data set. The first axis of every value counts them.
public struct Batch: Sendable, Hashable {
  /// The values of each field, [B, ...].
  public var values: [Field: TensorData]
  /// How many targets count: what a sum of losses is divided by.
  public var weight: Int

  /// The values of each field, [B, ...], and how many targets count.
  public init(_ values: [Field: TensorData], weight: Int) {
    self.values = values
    self.weight = weight
  }

  /// The values of a field; traps where there are none.
  public subscript(_ field: Field) -> TensorData {
    guard let value = values[field] else { fatal("a batch has no field \(field.name)") }
    return value
  }

  /// The rows of several batches with the same fields, one after the other.
  static func joined(_ parts: [Batch]) -> Batch {
    guard parts.count != 1 else { return parts[0] }
    let fields = parts[0].values.keys
    return Batch(
      Dictionary(
        uniqueKeysWithValues: fields.map { field in
          (field, TensorData(joining: parts.map { $0[field] }))
        }), weight: parts.reduce(0) { $0 + $1.weight })
  }
}

extension TensorData {
  /// Parts of one element type, float32 or int32, that lie behind each other along the first axis.
  package init(joining parts: [TensorData]) {
    let first = parts[0].type
    let count = parts.reduce(0) { $0 + $1.shape[0] }
    let shape = Shape([count] + first.shape.extents.dropFirst())
    self =
      first.elementType == .int32
      ? TensorData(shape, parts.flatMap(\.integers)) : TensorData(shape, parts.flatMap(\.floats))
  }
}
