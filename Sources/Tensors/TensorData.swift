// Numbers on the host.
import Base

/// The numbers of a tensor in host memory, row-major.
public struct TensorData: Sendable, Hashable {
  enum Elements: Sendable, Hashable {
    case float32([Float])
    case float16([UInt16])
    case bfloat16([UInt16])
    case int32([Int32])
    case quantized(Quantization, [UInt8])
  }

  /// The extent along each axis.
  public let shape: Shape
  let elements: Elements

  /// Traps unless there are as many numbers as the shape has elements.
  public init(_ shape: Shape, _ numbers: [Float]) {
    demand(
      numbers.count == shape.elementCount, "\(numbers.count) numbers do not fill \(shape)")
    self.shape = shape
    elements = .float32(numbers)
  }

  /// Traps unless there are as many numbers as the shape has elements. Literals are floats unless they say otherwise, as
  /// `[1, 2] as [Int32]` does.
  @_disfavoredOverload
  public init(_ shape: Shape, _ numbers: [Int32]) {
    demand(
      numbers.count == shape.elementCount, "\(numbers.count) numbers do not fill \(shape)")
    self.shape = shape
    elements = .int32(numbers)
  }

  /// A single number.
  public init(_ number: Float) { self.init([], [number]) }

  /// All 0.
  public init(zeros type: TensorType) {
    switch type.elementType {
    case .float32: self.init(type.shape, [Float](repeating: 0, count: type.elementCount))
    case .float16, .bfloat16:
      self.init(type.shape, .init(type, [UInt16](repeating: 0, count: type.elementCount)))
    case .int32: self.init(type.shape, [Int32](repeating: 0, count: type.elementCount))
    case .quantized(let form):
      self.init(type.shape, .quantized(form, [UInt8](repeating: 0, count: type.byteCount)))
    }
  }

  private init(_ shape: Shape, _ elements: Elements) {
    self.shape = shape
    self.elements = elements
  }

  /// Reads little-endian elements, as devices and safetensors hold them.
  package init(_ type: TensorType, bytes: UnsafeRawBufferPointer) {
    demand(bytes.count == type.byteCount, "\(bytes.count) bytes do not fill \(type)")
    func load<T>(_ zero: T) -> [T] {
      let size = type.byteCount / MemoryLayout<T>.stride
      return [T](unsafeUninitializedCapacity: size) { buffer, count in
        if !bytes.isEmpty { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes) }
        count = size
      }
    }
    switch type.elementType {
    case .float32: self.init(type.shape, load(Float(0)))
    case .float16, .bfloat16: self.init(type.shape, .init(type, load(UInt16(0))))
    case .int32: self.init(type.shape, load(Int32(0)))
    case .quantized(let form): self.init(type.shape, .quantized(form, load(UInt8(0))))
    }
  }

  /// Shape and element type.
  public var type: TensorType {
    switch elements {
    case .float32: TensorType(shape, .float32)
    case .float16: TensorType(shape, .float16)
    case .bfloat16: TensorType(shape, .bfloat16)
    case .int32: TensorType(shape, .int32)
    case .quantized(let form, _): TensorType(shape, .quantized(form))
    }
  }

  /// The numbers; traps for a tensor of integers.
  public var floats: [Float] {
    switch elements {
    case .float32(let numbers): return numbers
    case .float16(let words): return words.map { Float(Float16(bitPattern: $0)) }
    case .bfloat16(let words): return words.map { Float(bitPattern: UInt32($0) << 16) }
    case .quantized(let form, let bytes): return form.decoded(bytes, shape)
    case .int32: fatal("\(type) holds integers where floats are wanted")
    }
  }

  /// The same numbers stored as another type of floating-point numbers, rounded to the nearest, ties to even, or in blocks.
  package func stored(as elementType: ElementType) -> TensorData {
    if elementType == type.elementType { return self }
    switch elementType {
    case .float32: return TensorData(shape, floats)
    case .float16: return TensorData(shape, .float16(floats.map { Float16($0).bitPattern }))
    case .bfloat16:
      return TensorData(
        shape,
        .bfloat16(
          floats.map { number in
            let bits = number.bitPattern
            // NaN keeps a bit that survives the cut.
            if number.isNaN { return UInt16((bits | 0x40_0000) >> 16) }
            return UInt16((bits + 0x7fff + (bits >> 16 & 1)) >> 16)
          }))
    case .quantized(let form):
      return TensorData(shape, .quantized(form, form.encoded(floats, shape)))
    case .int32: fatal("\(type) cannot be stored as integers")
    }
  }

  /// The numbers; traps for a tensor of floats.
  public var integers: [Int32] {
    guard case .int32(let numbers) = elements else {
      fatal("\(type) holds floats where int32 is wanted")
    }
    return numbers
  }

  /// The place of the first number that is infinite or none; nil where all are finite, and for integers.
  package var firstNotFinite: Int? {
    switch elements {
    case .float32(let numbers): numbers.firstIndex { !$0.isFinite }
    case .float16(let words): words.firstIndex { $0 & 0x7C00 == 0x7C00 }
    case .bfloat16(let words): words.firstIndex { $0 & 0x7F80 == 0x7F80 }
    case .int32: nil
    case .quantized: floats.firstIndex { !$0.isFinite }
    }
  }

  /// The same numbers under another shape; traps unless it has as many elements.
  public func reshaped(to shape: Shape) -> TensorData {
    demand(
      shape.elementCount == self.shape.elementCount,
      "reshaped(to:): \(self.shape) has not as many elements as \(shape)")
    demand(!type.elementType.isQuantized, "a matrix in blocks keeps its shape")
    return TensorData(shape, elements)
  }

  package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    switch elements {
    case .float32(let numbers): try numbers.withUnsafeBytes(body)
    case .float16(let words), .bfloat16(let words): try words.withUnsafeBytes(body)
    case .int32(let numbers): try numbers.withUnsafeBytes(body)
    case .quantized(_, let bytes): try bytes.withUnsafeBytes(body)
    }
  }
}

extension TensorData.Elements {
  /// Words of a type of 16 bits.
  fileprivate init(_ type: TensorType, _ words: [UInt16]) {
    self = type.elementType == .float16 ? .float16(words) : .bfloat16(words)
  }
}

extension TensorData {
  /// The rows of a tensor, or the numbers of a vector, in another order, as they lie.
  package func rows(in order: [Int]) -> TensorData {
    demand(order.count == shape[0], "every row has a place")
    return withUnsafeBytes { bytes in
      let size = bytes.count / max(1, shape[0])
      let moved = [UInt8](unsafeUninitializedCapacity: bytes.count) { to, count in
        let target = UnsafeMutableRawBufferPointer(to)
        for (row, from) in order.enumerated() {
          UnsafeMutableRawBufferPointer(rebasing: target[row * size..<(row + 1) * size])
            .copyMemory(
              from: UnsafeRawBufferPointer(rebasing: bytes[from * size..<(from + 1) * size]))
        }
        count = bytes.count
      }
      return moved.withUnsafeBytes { TensorData(type, bytes: $0) }
    }
  }
}
