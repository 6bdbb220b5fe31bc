// Where gradients stop.

/// The operand itself, through which no gradient flows.
public struct Detach: Op {
  public func resultTypes(_ operands: [TensorType]) -> [TensorType] { [operands[0]] }

  public func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    [nil]
  }

  public func reference(_ operands: [TensorData]) -> [TensorData] { operands }

  public var isView: Bool { true }
  public func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    Launches([])
  }
}
