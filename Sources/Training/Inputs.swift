// The fields of a batch, as tensors.
import Base
import Tensors

/// An input for each field of some data, for batches of one size. A graph reads those that it needs.
public struct Inputs {
  private let tensors: [Field: Tensor]
  /// Rows of a batch.
  public let rowCount: Int

  /// The inputs of batches of `rowCount` rows.
  public init(of data: any Dataset, rowCount: Int) {
    self.init(data.fields, rowCount: rowCount)
  }

  /// The same for fields with the shapes of their rows.
  public init(_ fields: [Field: Shape], rowCount: Int) {
    self.rowCount = rowCount
    tensors = Dictionary(
      uniqueKeysWithValues: fields.map { field, shape in
        let whole = Shape([rowCount] + shape.extents)
        return (field, .input(field.name, TensorType(whole, field.elementType)))
      })
  }

  /// The same for batches like one that is there.
  public init(like batch: Batch) {
    let shapes = batch.values.mapValues { $0.shape }
    self.init(
      shapes.mapValues { Shape(Array($0.extents.dropFirst())) },
      rowCount: shapes.values.first?[0] ?? 0)
  }

  /// Whether the data have a field.
  public func has(_ field: Field) -> Bool { tensors[field] != nil }

  /// A field's tensor [B, ...]; traps where the data have no such field.
  public subscript(_ field: Field) -> Tensor {
    guard let tensor = tensors[field] else {
      fatal("the data have no field \(field.name), which a loss reads")
    }
    return tensor
  }

  /// Gives an executor the values of a batch; traps where the batch lacks a field.
  public func set(_ batch: Batch, on executor: GraphExecutor) throws {
    for (field, tensor) in tensors { try executor.set(tensor, to: batch[field]) }
  }
}
