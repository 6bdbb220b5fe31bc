// Weights that lie in memory in eight bits or fewer.
import Base

/// How a matrix of frozen weights lies in memory where it takes eight bits a number or fewer. Rows are cut into blocks, each with
/// a scale of its own; kernels of products and tables turn blocks into numbers as they read them.
///
/// Types with the names of GGUF lie as in its files, and have its arithmetic (ggml, `ggml-common.h`). Sources of the others:
/// `int8` is one scale for a row, as LLM.int8 has it (Dettmers et al., arXiv 2208.07339); `nf4` is NormalFloat of 4 bits
/// (QLoRA, Dettmers et al., arXiv 2305.14314), in blocks of 64 whose scales are of 8 bits.
public enum Quantization: String, Sendable, Hashable, CaseIterable {
  /// 8 bits, with a float32 scale for each row.
  case int8
  /// 4 bits of NormalFloat, with a scale of 8 bits for 64 numbers: 4.13 bits.
  case nf4
  /// 8 bits, with a float16 scale for 32 numbers: 8.5 bits.
  case q80 = "q8_0"
  /// 4 bits around zero, with a float16 scale for 32 numbers: 4.5 bits.
  case q40 = "q4_0"
  /// 4 bits from the least number on, with that and a scale for 32 numbers: 5 bits.
  case q41 = "q4_1"
  /// 5 bits around zero: 5.5 bits.
  case q50 = "q5_0"
  /// 5 bits from the least number on: 6 bits.
  case q51 = "q5_1"
  /// 4 bits in parts of 32, whose scales take 6 bits, for 256 numbers: 4.5 bits.
  case q4K = "q4_k"
  /// 5 bits likewise: 5.5 bits.
  case q5K = "q5_k"
  /// 6 bits in parts of 16, whose scales take 8 bits: 6.56 bits.
  case q6K = "q6_k"

  /// The numbers of a block, which a row must have a multiple of.
  package var blockLength: Int {
    switch self {
    case .int8: 4
    case .nf4: NormalFloat.blockLength
    case .q80, .q40, .q41, .q50, .q51: 32
    case .q4K, .q5K, .q6K: 256
    }
  }

  /// The bytes of a block of GGUF's; nil for the others, which have no blocks of their own.
  package var blockByteCount: Int? {
    switch self {
    case .int8, .nf4: nil
    case .q80: 34
    case .q40: 18
    case .q41: 20
    case .q50: 22
    case .q51: 24
    case .q4K: 144
    case .q5K: 176
    case .q6K: 210
    }
  }

  /// How many neighbours have one scale, of which rows are multiples; nil where a row has one.
  var stepLength: Int? {
    switch self {
    case .int8: nil
    case .nf4: 64
    case .q6K: 16
    default: 32
    }
  }

  /// The type's name in kernels (`quantized.cl`).
  package var kernelName: String { self == .int8 ? "int8_rows" : rawValue }

  /// Whether a matrix can lie so: vectors cannot, nor can one whose rows are no whole blocks.
  package func fits(_ shape: Shape) -> Bool {
    shape.rank == 2 && shape.elementCount > 0 && shape.columnCount % blockLength == 0
  }

  /// The bytes of a matrix.
  package func byteCount(_ shape: Shape) -> Int {
    switch self {
    case .int8: shape.rowCount * (4 + shape.columnCount)
    case .nf4: NormalFloat.byteCount(shape.elementCount)
    case .q80, .q40, .q41, .q50, .q51, .q4K, .q5K, .q6K:
      shape.elementCount / blockLength * (blockByteCount ?? 0)
    }
  }

  /// Whether Retort can make such weights of others; the rest are read from files.
  public var canEncode: Bool {
    switch self {
    case .int8, .nf4, .q80, .q40, .q41, .q50, .q51: true
    case .q4K, .q5K, .q6K: false
    }
  }

  /// The numbers of a matrix.
  func decoded(_ bytes: [UInt8], _ shape: Shape) -> [Float] {
    demand(fits(shape), "\(rawValue): \(shape) is no matrix of whole blocks")
    return [Float](unsafeUninitializedCapacity: shape.elementCount) { numbers, count in
      bytes.withUnsafeBytes { bytes in
        switch self {
        case .int8: ScaledRows.decode(bytes, shape, into: numbers)
        case .nf4: NormalFloat.decode(bytes, into: numbers)
        case .q4K, .q5K, .q6K: SuperBlocks.decode(self, bytes, into: numbers)
        case .q80, .q40, .q41, .q50, .q51: Blocks.decode(self, bytes, into: numbers)
        }
      }
      count = shape.elementCount
    }
  }

  /// A matrix in this form. Traps for forms that are only read.
  func encoded(_ numbers: [Float], _ shape: Shape) -> [UInt8] {
    demand(fits(shape), "\(rawValue): \(shape) is no matrix of whole blocks")
    let size = byteCount(shape)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      let bytes = UnsafeMutableRawBufferPointer(buffer)
      numbers.withUnsafeBufferPointer { numbers in
        switch self {
        case .int8: ScaledRows.encode(numbers, shape, into: bytes)
        case .nf4: NormalFloat.encode(numbers, into: bytes)
        case .q80, .q40, .q41, .q50, .q51: Blocks.encode(self, numbers, into: bytes)
        case .q4K, .q5K, .q6K: fatal("\(rawValue) is only read")
        }
      }
      count = size
    }
  }
}
