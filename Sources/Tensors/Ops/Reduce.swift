// Sums and maxima along axes.
import Base

/// y[o, i] = the sum, sum of squares or maximum of x[o, n, i] over n, in a fixed order.
package struct Reduce: KernelOp {
  package enum Kind: Int, Sendable {
    case sum = 0
    case sumOfSquares = 1
    case maximum = 2
  }

  let kind: Kind
  let outer: Int
  let inner: Int
  let shape: Shape

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    demand(
      shape.elementCount == outer * inner && operands[0].elementCount % max(outer * inner, 1) == 0,
      "reduce \(kind): \(operands[0].shape) does not reduce to \(shape)")
    return [TensorType(shape)]
  }

  private func extent(_ operand: TensorType) -> Int {
    outer * inner == 0 ? 0 : operand.elementCount / (outer * inner)
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    let x = application.operands[0]
    guard let dy = resultGradients[0] else { return [nil] }
    let n = extent(x.type)
    // Each element of y is read by n elements of x.
    if kind == .sum, inner > 1, outer > 1 {
      let spread = Elementwise(
        .operand(0), [.prefix(divisor: max(n, 1))], [outer, inner, n])
      return [Application(spread, [dy]).result(0).transposed(1, 2).reshaped(to: x.shape)]
    }
    let grid: Shape = [outer, n, inner]
    let read: [Elementwise.Read] =
      inner == 1 ? [.prefix(divisor: max(n, 1))] : outer == 1 ? [.suffix(count: inner)] : []
    demand(!read.isEmpty || kind == .maximum, "squares are summed over the first or the last axis")
    let spread: (Expression, [Tensor]) -> Tensor = { formula, more in
      Application(
        Elementwise(formula, read + more.map { _ in .full }, grid), [dy] + more
      ).result(0).reshaped(to: x.shape)
    }
    switch kind {
    case .sum: return [spread(.operand(0), [])]
    case .sumOfSquares: return [spread(.operand(0) * .operand(1) * 2, [x])]
    case .maximum: return [nil]
    }
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let x = operands[0].floats
    let n = extent(operands[0].type)
    var y = [Float](repeating: 0, count: outer * inner)
    for o in 0..<outer {
      for i in 0..<inner {
        let column = (0..<n).map { Double(x[(o * n + $0) * inner + i]) }
        switch kind {
        case .sum: y[o * inner + i] = Float(column.reduce(0, +))
        case .sumOfSquares: y[o * inner + i] = Float(column.reduce(0) { $0 + $1 * $1 })
        case .maximum: y[o * inner + i] = Float(column.max() ?? -3.0e38)
        }
      }
    }
    return [TensorData(shape, y)]
  }

  package func mayBeNarrow(operand: Int) -> Bool { true }
  package func mayBeNarrow(result: Int) -> Bool { false }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let n = extent(operands[0])
    // The partial results of the second sweep are already squared.
    let again = kind == .maximum ? kind : .sum
    if inner == 1, outer == 1, n > 8192 {
      let run = max(4096, roundUp(ceilDivide(n, 1024), toMultipleOf: traits.vectorWidth))
      let runs = ceilDivide(n, run)
      return Launches(
        [
          KernelCall(
            "reduce_runs", file: "reduce.cl", defines: rowDefines(kind, traits),
            arguments: [.operand(0, "x"), .scratch(0), .int(n), .int(run)],
            global: [runs * traits.lanes], local: [traits.lanes]),
          rows(again, .scratch(0), .result(0), 1, runs, traits),
        ], scratch: [4 * runs])
    }
    if inner == 1 { return Launches([rows(kind, .operand(0), .result(0), outer, n, traits)]) }
    let runs = min(max(1, n / 64), 64)
    if runs == 1 {
      return Launches([columns(kind, .operand(0), .result(0), n, 1, traits)])
    }
    return Launches(
      [
        columns(kind, .operand(0), .scratch(0), n, runs, traits),
        columns(again, .scratch(0), .result(0), runs, 1, traits),
      ], scratch: [4 * outer * runs * inner])
  }

  private func rowDefines(_ kind: Kind, _ traits: DeviceTraits) -> [String: Int] {
    traits.rowDefines.merging(["KIND": kind.rawValue]) { $1 }
  }

  private func rows(
    _ kind: Kind, _ from: KernelCall.Argument, _ to: KernelCall.Argument, _ rowCount: Int,
    _ columnCount: Int, _ traits: DeviceTraits
  ) -> KernelCall {
    .rows(
      "reduce_rows", file: "reduce.cl", rowCount: rowCount, defines: ["KIND": kind.rawValue],
      arguments: [.named(from, "x"), to, .int(rowCount), .int(columnCount)], on: traits)
  }

  private func columns(
    _ kind: Kind, _ from: KernelCall.Argument, _ to: KernelCall.Argument, _ extent: Int,
    _ runs: Int, _ traits: DeviceTraits
  ) -> KernelCall {
    let vector = traits.vectorWidth(dividing: inner)
    let local = traits.groupSize
    return KernelCall(
      "reduce_columns", file: "reduce.cl", defines: ["KIND": kind.rawValue, "VECTOR": vector],
      arguments: [
        .named(from, "x"), to, .int(extent), .int(inner), .int(ceilDivide(extent, runs)),
      ],
      global: [roundUp(inner / vector, toMultipleOf: local), runs, outer], local: [local, 1, 1])
  }
}

extension Tensor {
  /// Reduces this tensor, seen as [outer, n, inner], over n.
  func reduced(_ kind: Reduce.Kind, outer: Int, inner: Int, to shape: Shape) -> Tensor {
    Reduce(kind: kind, outer: outer, inner: inner, shape: shape)(self)[0]
  }

  /// The sum of all elements: a single number.
  public func sum() -> Tensor { reduced(.sum, outer: 1, inner: 1, to: []) }

  /// The mean of all elements: a single number.
  public func mean() -> Tensor { sum() / Float(type.elementCount) }

  /// The mean along an axis, which disappears; negative axes count from the innermost.
  public func mean(axis: Int) -> Tensor { sum(axis: axis) / Float(shape[axis]) }

  /// The sum of the squares of all elements: a single number.
  public func sumOfSquares() -> Tensor { reduced(.sumOfSquares, outer: 1, inner: 1, to: []) }

  /// The sum along an axis, which disappears; negative axes count from the innermost.
  public func sum(axis: Int) -> Tensor { reduced(.sum, axis) }

  /// The maximum along an axis, which disappears; no gradient flows.
  public func maximum(axis: Int) -> Tensor { reduced(.maximum, axis) }

  private func reduced(_ kind: Reduce.Kind, _ axis: Int) -> Tensor {
    let axis = axis < 0 ? shape.rank + axis : axis
    demand(
      shape.extents.indices.contains(axis), "\(shape) has no axis \(axis) to reduce")
    var kept = shape.extents
    kept.remove(at: axis)
    return reduced(
      kind, outer: shape.extents[..<axis].reduce(1, *),
      inner: shape.extents[(axis + 1)...].reduce(1, *), to: Shape(kept))
  }
}
