// Rows cut into parts, and parts put together.
import Base

/// Cuts the columns of x [..., sum of widths] into one result [..., width] for each width.
package struct Split: KernelOp {
  let widths: [Int]

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let shape = operands[0].shape
    demand(
      shape.rank > 0 && shape.columnCount == widths.reduce(0, +),
      "split: columns of \(widths) do not make up \(shape)")
    return widths.map { TensorType(shape.replacingLast(with: $0)) }
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    let parts = zip(application.resultTypes, resultGradients).map { type, gradient in
      gradient ?? .constant(TensorData(zeros: type))
    }
    return [Tensor.concatenated(parts)]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let shape = operands[0].shape
    return zip(widths, offsets(widths)).map { width, offset in
      TensorData(
        shape.replacingLast(with: width),
        (0..<shape.rowCount).flatMap { row -> ArraySlice<Float> in
          let start = row * shape.columnCount + offset
          return operands[0].floats[start..<start + width]
        })
    }
  }

  package func mayBeNarrow(operand: Int) -> Bool { true }
  package func mayBeNarrow(result: Int) -> Bool { true }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = operands[0].shape
    return Launches(
      widths.indices.map { part in
        .rows(
          "split_out", file: "split.cl", rowCount: shape.rowCount,
          arguments: [.operand(0, "wide"), .result(part, "part")]
            + columns(widths, part, of: shape), on: traits)
      })
  }
}

/// Puts the columns of operands [..., width] side by side: [..., sum of widths].
struct Concatenate: KernelOp {
  func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let first = operands[0].shape
    let width = operands.reduce(0) { $0 + $1.shape.columnCount }
    demand(
      operands.allSatisfy { $0.shape.replacingLast(with: 0) == first.replacingLast(with: 0) },
      "concatenate: \(operands) differ in more than their columns")
    return [TensorType(first.replacingLast(with: width))]
  }

  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    guard let gradient = resultGradients[0] else { return application.operands.map { _ in nil } }
    return gradient.split(application.operands.map(\.shape.columnCount))
  }

  func reference(_ operands: [TensorData]) -> [TensorData] {
    let shape = resultTypes(operands.map(\.type))[0].shape
    return [
      TensorData(
        shape,
        (0..<shape.rowCount).flatMap { row in
          operands.flatMap { part -> ArraySlice<Float> in
            let width = part.shape.columnCount
            return part.floats[row * width..<(row + 1) * width]
          }
        })
    ]
  }

  func mayBeNarrow(operand: Int) -> Bool { true }
  func mayBeNarrow(result: Int) -> Bool { true }

  func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let shape = resultTypes(operands)[0].shape
    let widths = operands.map(\.shape.columnCount)
    return Launches(
      widths.indices.map { part in
        .rows(
          "split_in", file: "split.cl", rowCount: shape.rowCount,
          arguments: [.operand(part, "part"), .result(0, "wide")]
            + columns(widths, part, of: shape), on: traits)
      })
  }
}

/// Where each part begins.
private func offsets(_ widths: [Int]) -> [Int] {
  widths.indices.map { widths[..<$0].reduce(0, +) }
}

/// The sizes that both kernels take: rows, columns of the wide row, first column, columns.
private func columns(_ widths: [Int], _ part: Int, of shape: Shape) -> [KernelCall.Argument] {
  [
    .int(shape.rowCount), .int(shape.columnCount), .int(offsets(widths)[part]),
    .int(widths[part]),
  ]
}

extension Tensor {
  /// The columns of this [..., sum of widths], cut into parts [..., width].
  public func split(_ widths: [Int]) -> [Tensor] { Split(widths: widths)(self) }

  /// Tensors [..., width] side by side: [..., sum of widths].
  public static func concatenated(_ parts: [Tensor]) -> Tensor {
    Application(Concatenate(), parts).result(0)
  }
}
