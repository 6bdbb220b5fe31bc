// Some rows of a tensor replaced by others, as a cache of keys and values takes new ones.
import Base

/// y[b, starts[b] + t] = fresh[b, t]; the other rows are those of `kept`. Rows that would lie outside
/// are dropped.
///
/// Operands: kept [S, R, ...], fresh [B, T, ...], starts int32 [B] where S is B, or int32 [B, 2], which also says the batch of `kept` that
/// each batch of new rows goes to; of several for one the first counts. Result: [S, R, ...]. Assigned to the variable that is `kept`, it touches the new rows alone.
package struct UpdateRows: KernelOp {
  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let (kept, fresh) = (operands[0].shape, operands[1].shape)
    let fits =
      operands[2] == TensorType([fresh[0], 2], .int32)
      || kept[0] == fresh[0] && operands[2] == TensorType([kept[0]], .int32)
    demand(
      kept.rank >= 2 && kept.rank == fresh.rank && fits
        && kept.extents.dropFirst(2) == fresh.extents.dropFirst(2),
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
    let starts = operands[2].integers.map { Int($0) }
    let isReferred = operands[2].shape.rank == 2
    var taken: Set<Int> = []
    for b in 0..<operands[1].shape[0] {
      let (start, place) = isReferred ? (starts[2 * b], starts[2 * b + 1]) : (starts[b], b)
      guard taken.insert(place).inserted else { continue }
      for t in 0..<count where (0..<rows).contains(start + t) {
        let (to, from) = ((place * rows + start + t) * columns, (b * count + t) * columns)
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
        defines: ["REFERRED": operands[2].shape.rank == 2 ? 1 : 0],
        arguments: [
          .operand(0, "kept"), .operand(1, "fresh"), .operand(2), .result(0, "y"), .int(shape[0]),
          .int(shape[1]), .int(operands[1].shape[0]),
          .int(operands[1].shape[1]), .int(shape.extents.dropFirst(2).reduce(1, *)),
        ], on: traits)
    ])
  }
}

extension Tensor {
  /// This tensor [S, R, ...] with the rows `fresh` [B, T, ...] from `starts` on: int32 [B], or [B, 2] with the batch of this tensor that
  /// each goes to.
  package func updatingRows(_ fresh: Tensor, from starts: Tensor) -> Tensor {
    UpdateRows()(self, fresh, starts)[0]
  }
}
