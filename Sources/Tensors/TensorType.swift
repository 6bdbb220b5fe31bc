// What is known of a tensor before any number exists.
import Base

/// The extent of a tensor along each axis, outermost first. Elements are contiguous; there are no
/// strides. An empty shape is a single number.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// Outermost first.
  public let extents: [Int]

  /// Traps for negative extents.
  public init(_ extents: [Int]) {
    demand(extents.allSatisfy { $0 >= 0 }, "a shape cannot have negative extents: \(extents)")
    self.extents = extents
  }

  public init(arrayLiteral extents: Int...) { self.init(extents) }

  /// The number of axes.
  public var rank: Int { extents.count }
  /// The product of all extents.
  public var elementCount: Int { extents.reduce(1, *) }

  /// The extent of an axis; negative axes count from the innermost, as in NumPy.
  public subscript(axis: Int) -> Int { extents[axis < 0 ? rank + axis : axis] }

  /// The innermost extent: the length of a row.
  public var columnCount: Int { extents.last ?? 1 }
  /// The number of rows: the product of all extents but the innermost.
  public var rowCount: Int { extents.dropLast().reduce(1, *) }

  /// The same shape with another innermost extent.
  package func replacingLast(with extent: Int) -> Shape { Shape(extents.dropLast() + [extent]) }

  public var description: String { "[" + extents.map(String.init).joined(separator: ", ") + "]" }
}

/// The type of one element. Numbers are computed in float32; the types of 16 bits are how they may be
/// stored in between; frozen weights may lie in blocks of fewer bits.
public enum ElementType: Sendable, Hashable {
  /// 32 bits, IEEE 754.
  case float32
  /// 16 bits, IEEE 754 binary16.
  case float16
  /// The upper 16 bits of float32.
  case bfloat16
  /// Whole numbers: ids and counts.
  case int32
  /// Blocks of numbers of eight bits or fewer, of a matrix that nobody trains.
  case quantized(Quantization)

  /// The types that are a number for each element.
  package static let plain: [ElementType] = [.float32, .float16, .bfloat16, .int32]

  /// The type's name, such as `bfloat16`.
  public var name: String {
    switch self {
    case .float32: "float32"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    case .int32: "int32"
    case .quantized(let form): form.rawValue
    }
  }

  /// The bytes of all elements of a tensor.
  package func byteCount(_ shape: Shape) -> Int {
    switch self {
    case .float32, .int32: 4 * shape.elementCount
    case .float16, .bfloat16: 2 * shape.elementCount
    case .quantized(let form): form.byteCount(shape)
    }
  }

  /// The type's name in kernels.
  package var kernelName: String {
    switch self {
    case .float32: "float"
    case .float16: "half"
    case .bfloat16: "bfloat16"
    case .int32: "int"
    case .quantized(let form): form.kernelName
    }
  }
  /// Whether this is a floating-point type of 16 bits.
  package var isNarrow: Bool { self == .float16 || self == .bfloat16 }
  /// Whether elements lie in blocks.
  package var isQuantized: Bool { if case .quantized = self { true } else { false } }
  /// Whether numbers that kernels compute with as float32 are stored otherwise.
  package var isCompact: Bool { isNarrow || isQuantized }
}

/// A tensor's shape together with the type of its elements.
public struct TensorType: Sendable, Hashable, CustomStringConvertible {
  /// The extent along each axis.
  public let shape: Shape
  /// What an element is.
  public let elementType: ElementType

  /// A shape, of float32 unless said otherwise.
  public init(_ shape: Shape, _ elementType: ElementType = .float32) {
    self.shape = shape
    self.elementType = elementType
  }

  /// The same shape with numbers of fewer bits as float32.
  package var widened: TensorType {
    elementType.isCompact ? TensorType(shape, .float32) : self
  }

  /// The number of elements.
  public var elementCount: Int { shape.elementCount }
  /// The bytes of all elements.
  public var byteCount: Int { elementType.byteCount(shape) }
  public var description: String { "\(elementType.name)\(shape)" }
}
