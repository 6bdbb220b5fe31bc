// Some rows of a tensor replaced by others, as a cache of keys and values takes new ones.
import Base

/// y[b, starts[b] + t] = fresh[b, t]; the other rows are those of `kept`. Rows that would lie outside
/// are dropped.
///
/// Operands: kept [B, R, ...], fresh [B, T, ...], starts int32 [B]. Result: [B, R, ...]. Assigned to
/// the variable that is `kept`, it touches the new rows alone.
package struct UpdateRows: KernelOp {
  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let (kept, fresh) = (operands[0].shape, operands[1].shape)
    demand(
      kept.rank >= 2 && kept.rank == fresh.rank && kept[0] == fresh[0]
        && kept.extents.dropFirst(2) == fresh.extents.dropFirst(2)
        && operands[2] == TensorType([kept[0]], .int32),
      "updateRows: \(fresh) from \(operands[2]) on do not fit into \(kept)")
    return [operands[0]]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    demand(resultGradients[0] == nil, "updateRows has no gradient: caches are not trained")
    return [nil, nil, nil]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let shape = operands[0].shape
    let (rows, columns) = (shape[1], shape.extents.dropFirst(2).reduce(1, *))
    let count = operands[1].shape[1]
    var y = operands[0].floats
    let fresh = operands[1].floats
    for (b, start) in operands[2].integers.enumerated() {
      for t in 0..<count where (0..<rows).contains(Int(start) + t) {
        let (to, from) = ((b * rows + Int(start) + t) * columns, (b * count + t) * columns)
        y.replaceSubrange(to..<to + columns, with: fresh[from..<from + columns])
      }
    }
    return [TensorData(shape, y)]
  }

  package func mayOverwrite(operand: Int, with result: Int) -> Bool { operand == 0 }

  package func mayBeNarrow(operand: Int) -> Bool { operand < 2 }
  package func mayBeNarrow(result: Int) -> Bool { true }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches([
      .rows(
        "update_rows", file: "updaterows.cl", rowCount: shape[0] * shape[1],
        arguments: [
          .operand(0, "kept"), .operand(1, "fresh"), .operand(2), .result(0, "y"), .int(shape[0]),
          .int(shape[1]),
          .int(operands[1].shape[1]), .int(shape.extents.dropFirst(2).reduce(1, *)),
        ], on: traits)
    ])
  }
}

extension Tensor {
  /// This tensor [B, R, ...] with the rows `fresh` [B, T, ...] from `starts`, int32 [B], on.
  package func updatingRows(_ fresh: Tensor, from starts: Tensor) -> Tensor {
    UpdateRows()(self, fresh, starts)[0]
  }
}
