// What is known of a tensor before any number exists.
import Base

/// The extent of a tensor along each axis, outermost first. Elements are contiguous; there are no
/// strides. An empty shape is a single number.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral, CustomStringConvertible {
  public let extents: [Int]

  public init(_ extents: [Int]) {
    demand(extents.allSatisfy { $0 >= 0 }, "a shape cannot have negative extents: \(extents)")
    self.extents = extents
  }

  public init(arrayLiteral extents: Int...) { self.init(extents) }

  public var rank: Int { extents.count }
  public var elementCount: Int { extents.reduce(1, *) }

  /// The extent of an axis; negative axes count from the innermost, as in NumPy.
  public subscript(axis: Int) -> Int { extents[axis < 0 ? rank + axis : axis] }

  /// The innermost extent: the length of a row.
  public var columnCount: Int { extents.last ?? 1 }
  /// The number of rows: the product of all extents but the innermost.
  public var rowCount: Int { extents.dropLast().reduce(1, *) }

  /// The same shape with another innermost extent.
  public func replacingLast(with extent: Int) -> Shape { Shape(extents.dropLast() + [extent]) }

  public var description: String { "[" + extents.map(String.init).joined(separator: ", ") + "]" }
}

/// The type of one element. Numbers are computed in float32; the types of 16 bits are how they may be
/// stored in between.
public enum ElementType: String, Sendable, Hashable, CaseIterable {
  case float32
  case float16
  case bfloat16
  case int32

  public var byteCount: Int { isNarrow ? 2 : 4 }
  /// The type's name in kernels.
  public var kernelName: String {
    switch self {
    case .float32: "float"
    case .float16: "half"
    case .bfloat16: "bfloat16"
    case .int32: "int"
    }
  }
  /// Whether this is a floating-point type of 16 bits.
  public var isNarrow: Bool { self == .float16 || self == .bfloat16 }
}

/// A tensor's shape together with the type of its elements.
public struct TensorType: Sendable, Hashable, CustomStringConvertible {
  public let shape: Shape
  public let elementType: ElementType

  public init(_ shape: Shape, _ elementType: ElementType = .float32) {
    self.shape = shape
    self.elementType = elementType
  }

  /// The same shape with numbers of 16 bits as float32.
  public var widened: TensorType {
    elementType.isNarrow ? TensorType(shape, .float32) : self
  }

  public var elementCount: Int { shape.elementCount }
  public var byteCount: Int { elementCount * elementType.byteCount }
  public var description: String { "\(elementType.rawValue)\(shape)" }
}
