// Numbers on the host.

/// The numbers of a tensor in host memory, row-major.
public struct TensorData: Sendable, Hashable {
  enum Elements: Sendable, Hashable {
    case float32([Float])
    case int32([Int32])
  }

  public let shape: Shape
  let elements: Elements

  /// Traps unless there are as many numbers as the shape has elements.
  public init(_ shape: Shape, _ numbers: [Float]) {
    precondition(
      numbers.count == shape.elementCount, "\(numbers.count) numbers do not fill \(shape)")
    self.shape = shape
    elements = .float32(numbers)
  }

  /// Traps unless there are as many numbers as the shape has elements.
  public init(_ shape: Shape, _ numbers: [Int32]) {
    precondition(
      numbers.count == shape.elementCount, "\(numbers.count) numbers do not fill \(shape)")
    self.shape = shape
    elements = .int32(numbers)
  }

  /// A single number.
  public init(_ number: Float) { self.init([], [number]) }

  public init(zeros type: TensorType) {
    switch type.elementType {
    case .float32: self.init(type.shape, [Float](repeating: 0, count: type.elementCount))
    case .int32: self.init(type.shape, [Int32](repeating: 0, count: type.elementCount))
    }
  }

  /// Reads little-endian elements, as devices and safetensors hold them.
  public init(_ type: TensorType, bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count == type.byteCount, "\(bytes.count) bytes do not fill \(type)")
    func load<T>(_ zero: T) -> [T] {
      [T](unsafeUninitializedCapacity: type.elementCount) { buffer, count in
        if !bytes.isEmpty { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes) }
        count = type.elementCount
      }
    }
    switch type.elementType {
    case .float32: self.init(type.shape, load(Float(0)))
    case .int32: self.init(type.shape, load(Int32(0)))
    }
  }

  public var type: TensorType {
    switch elements {
    case .float32: TensorType(shape, .float32)
    case .int32: TensorType(shape, .int32)
    }
  }

  /// The numbers; traps for a tensor of integers.
  public var floats: [Float] {
    guard case .float32(let numbers) = elements else {
      preconditionFailure("\(type) holds integers where float32 is wanted")
    }
    return numbers
  }

  /// The numbers; traps for a tensor of floats.
  public var integers: [Int32] {
    guard case .int32(let numbers) = elements else {
      preconditionFailure("\(type) holds floats where int32 is wanted")
    }
    return numbers
  }

  public func reshaped(to shape: Shape) -> TensorData {
    switch elements {
    case .float32(let numbers): TensorData(shape, numbers)
    case .int32(let numbers): TensorData(shape, numbers)
    }
  }

  public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    switch elements {
    case .float32(let numbers): try numbers.withUnsafeBytes(body)
    case .int32(let numbers): try numbers.withUnsafeBytes(body)
    }
  }
}
