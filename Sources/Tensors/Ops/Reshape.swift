// The same numbers under another shape.
import Base

/// The operand's memory, read as another shape of as many elements.
package struct Reshape: Op {
  let shape: Shape

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    demand(
      operands[0].elementCount == shape.elementCount,
      "reshaped(to:): \(operands[0].shape) has not as many elements as \(shape)")
    return [TensorType(shape, operands[0].elementType)]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    [resultGradients[0]?.reshaped(to: application.operands[0].shape)]
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    [operands[0].reshaped(to: shape)]
  }

  package var isView: Bool { true }
}

extension Tensor {
  /// The same elements in the same order under another shape.
  public func reshaped(to shape: Shape) -> Tensor {
    shape == self.shape ? self : Reshape(shape: shape)(self)[0]
  }
}
