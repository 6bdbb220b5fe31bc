// A value in a computation, described but not computed.

/// A value in a computation: its type, and where it comes from. Immutable, therefore `Sendable`;
/// a class, because identity matters: a variable is the tensor that stands for it.
public final class Tensor: Sendable {
  package enum Origin: Sendable {
    /// Given anew for each run.
    case input(name: String)
    /// Kept on the device between runs, in a `VariableStore`.
    case variable(Initializer)
    case constant(TensorData)
    case result(of: Application, index: Int)
  }

  /// Shape and element type.
  public let type: TensorType
  package let origin: Origin

  init(_ type: TensorType, _ origin: Origin) {
    self.type = type
    self.origin = origin
  }

  /// A value that is given anew for each run, called `name` where graphs are printed.
  public static func input(_ name: String, _ type: TensorType) -> Tensor {
    Tensor(type, .input(name: name))
  }

  /// A value that a store keeps between runs and that begins as the initializer says.
  public static func variable(_ shape: Shape, _ initializer: Initializer) -> Tensor {
    Tensor(TensorType(shape), .variable(initializer))
  }

  /// The same of any type.
  package static func variable(_ type: TensorType, _ initializer: Initializer) -> Tensor {
    Tensor(type, .variable(initializer))
  }

  /// A value that never changes.
  public static func constant(_ data: TensorData) -> Tensor { Tensor(data.type, .constant(data)) }

  /// A single number that never changes.
  public static func constant(_ number: Float) -> Tensor { constant(TensorData(number)) }

  /// The extent along each axis.
  public var shape: Shape { type.shape }

  /// Whether it is a variable.
  public var isVariable: Bool {
    if case .variable = origin { true } else { false }
  }

  /// The value this one is, wherever it is mentioned.
  var identity: Identity {
    switch origin {
    case .result(let application, let index): .result(ObjectIdentifier(application), index)
    default: .leaf(ObjectIdentifier(self))
    }
  }

  enum Identity: Hashable {
    case leaf(ObjectIdentifier)
    case result(ObjectIdentifier, Int)
  }

  /// The same value, through which no gradient flows.
  public func detached() -> Tensor { Detach()(self)[0] }
}

/// An op applied to operands.
public final class Application: Sendable {
  package let op: any Op
  package let operands: [Tensor]
  package let resultTypes: [TensorType]

  /// Traps where the operands do not fit the op. Results are float32 or int32, or stored as `storage`
  /// says, one element type for each.
  package init(_ op: any Op, _ operands: [Tensor], storage: [ElementType]? = nil) {
    self.op = op
    self.operands = operands
    let types = op.resultTypes(operands.map(\.type.widened))
    resultTypes = storage.map { zip(types, $0).map { TensorType($0.shape, $1) } } ?? types
  }

  package func result(_ index: Int) -> Tensor {
    Tensor(resultTypes[index], .result(of: self, index: index))
  }

  package var results: [Tensor] { resultTypes.indices.map(result) }
}

extension Op {
  /// Applies the op and returns its results.
  package func callAsFunction(_ operands: Tensor...) -> [Tensor] {
    Application(self, operands).results
  }
}
