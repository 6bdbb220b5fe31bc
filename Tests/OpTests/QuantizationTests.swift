// Weights in blocks: their arithmetic, and kernels that read them.
import Checks
import Testing

@testable import Tensors

@Suite struct QuantizationTests {
  /// A matrix in blocks as it is, and products by it with few rows; `all`: with one row and many, its rows on either side, and a table, whose kernels
  /// ask for blocks in the same words whatever the form.
  static func cases(
    _ form: Quantization, all: Bool, many: (rows: Int, wide: Int) = (41, 50)
  ) -> [OpCase] {
    var random = RandomData(seed: 71)
    let length = form.blockLength
    let columns = length < 64 ? 5 * length : length == 64 ? 4 * length : length
    func matrix(_ rows: Int) -> TensorData {
      random.matrix([rows, columns], as: form)
    }
    func product(_ rows: Int, _ wide: Int, transposed: Bool) -> OpCase {
      OpCase(
        MatMul(transposeA: false, transposeB: transposed),
        [random.floats([rows, transposed ? columns : wide]), matrix(wide)])
    }
    let few = [OpCase(Dequantize(), [matrix(9)]), product(3, 70, transposed: true)]
    guard all else { return few }
    return few + [
      OpCase(Gather(), [matrix(70), random.integers([5], below: 70)]),
      product(1, 37, transposed: true), product(many.rows, many.wide, transposed: true),
      product(3, 70, transposed: false), product(many.rows, many.wide, transposed: false),
    ]
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    for form in target.share(of: Quantization.allCases) {
      let failures = try kernelFailures(
        Self.cases(form, all: [.nf4, .q50].contains(form)), on: target)
      #expect(failures.isEmpty, "\(form): \(failures)")
    }
  }

  /// The other operand in 16 bits; with matrix units blocks are rounded on their way into local memory.
  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    let many = target.isInterpreter ? (rows: 11, wide: 33) : (rows: 41, wide: 50)
    for form in target.isInterpreter ? [.nf4] : [Quantization.nf4, .int8] {
      let products = Self.cases(form, all: true, many: many).filter {
        $0.op is MatMul && $0.data[0].shape[0] == many.rows
      }
      let failures = try kernelFailures(
        products, on: target.open(), tolerance: 1e-3, storage: .bfloat16)
      #expect(failures.isEmpty, "\(form): \(failures)")
      guard target.family == .gpu else { continue }
      for (kind, storage) in [
        (MatrixUnit.Kind.nvidia, ElementType.bfloat16), (.rdna3, .float16),
      ] {
        var traits = target.traits
        traits.matrixUnit = MatrixUnit(kind, isEmulated: true)
        let failures = try kernelFailures(
          products, on: target.open(traits), tolerance: 6e-3, storage: storage)
        #expect(failures.isEmpty, "\(form), \(kind): \(failures)")
      }
    }
  }

  /// What the packages of others make of the same numbers, and read (`Tests/Golden/make_quantized.py`).
  @Test func blocksAreThoseOfGGUF() throws {
    let file = try golden("quantized")
    func numbers(_ name: String) throws -> TensorData { try #require(try file[name]) }
    for form in Quantization.allCases where form.blockByteCount != nil {
      let bytes = try numbers("\(form.rawValue).blocks").integers.map { UInt8($0) }
      let type = TensorType([3, 512], .quantized(form))
      let blocks = bytes.withUnsafeBytes { TensorData(type, bytes: $0) }
      #expect(try blocks.floats == numbers("\(form.rawValue).numbers").floats, "\(form)")
      if form.canEncode {
        #expect(try numbers("numbers").stored(as: .quantized(form)) == blocks, "\(form)")
      }
    }
  }

  @Test func blocksAreThoseOfBitsandbytes() throws {
    let file = try golden("quantized")
    func numbers(_ name: String) throws -> TensorData { try #require(try file[name]) }
    #expect(try DynamicMap.signed == numbers("map.signed").floats)
    #expect(try DynamicMap.unsigned == numbers("map.unsigned").floats)
    let (codes, packed) = (try numbers("nf4.codes").integers, try numbers("nf4.packed").integers)
    let (scales, mean) = (try numbers("nf4.scales").floats, try numbers("nf4.mean").floats[0])
    var bytes: [UInt8] = []
    for (group, scale) in scales.enumerated() {
      for number in [scale, mean] { withUnsafeBytes(of: number) { bytes += $0 } }
      for (part, size) in [(codes, 256), (packed, 8192)] {
        let own = part.dropFirst(group * size).prefix(size)
        bytes += own.map { UInt8($0) } + [UInt8](repeating: 0, count: size - own.count)
      }
    }
    let type = TensorType([300, 64], .quantized(.nf4))
    let blocks = bytes.withUnsafeBytes { TensorData(type, bytes: $0) }
    #expect(try blocks.floats == numbers("nf4.numbers").floats)
    let source = try numbers("nf4.source")
    // Their scales differ in a code or two, which are no nearer.
    let (ours, theirs) = (
      relativeError(source.stored(as: .quantized(.nf4)).floats, source.floats),
      relativeError(blocks.floats, source.floats)
    )
    #expect(ours < theirs * 1.001, "\(ours) beside \(theirs)")
  }

  @Test func whatIsWrittenIsReadBack() {
    var random = RandomData(seed: 72)
    // As large as half a step of the form's numbers, for numbers of a normal distribution in blocks.
    let bounds: [Quantization: Double] = [
      .int8: 0.01, .nf4: 0.12, .q80: 0.01, .q40: 0.13, .q41: 0.12, .q50: 0.07, .q51: 0.06,
    ]
    let numbers = random.floats([6, 256])
    for form in Quantization.allCases where form.canEncode {
      let blocks = numbers.stored(as: .quantized(form))
      let error = relativeError(blocks.stored(as: .float32), numbers)
      #expect(error < bounds[form] ?? 0 && error > 1e-4, "\(form): \(error)")
      // What is a multiple of the scales already stays as it is.
      let again = blocks.stored(as: .float32).stored(as: .quantized(form))
      let second = relativeError(again.stored(as: .float32), blocks.stored(as: .float32))
      #expect(second < 4e-3, "\(form): \(second)")
      // Numbers that are nearly zero have none whose inverse is a number.
      let tiny = TensorData([2, 256], [Float](repeating: 1e-38, count: 512)).stored(
        as: .quantized(form))
      #expect(tiny.floats.allSatisfy { abs($0) < 1e-30 }, "\(form)")
      // Zeros have no scale.
      let zeros = TensorData(zeros: TensorType([2, 256])).stored(as: .quantized(form))
      #expect(zeros.floats.allSatisfy { $0 == 0 }, "\(form)")
      #expect(form.byteCount([6, 256]) == blocks.type.byteCount)
    }
  }

  @Test func theDynamicMapHasItsEnds() {
    #expect(DynamicMap.signed.count == 256 && DynamicMap.unsigned.count == 256)
    #expect(DynamicMap.signed[127] == 0 && DynamicMap.signed[255] == 1)
    #expect(abs(DynamicMap.signed[0] + 0.99297) < 1e-5)
    #expect(abs(DynamicMap.signed[128] - 5.5e-7) < 1e-12)
    #expect(abs(DynamicMap.unsigned[1] - 3.25e-7) < 1e-12)
    let borders = DynamicMap.borders(DynamicMap.signed)
    for (code, number) in DynamicMap.signed.enumerated() {
      #expect(DynamicMap.code(number, borders: borders) == UInt8(code))
    }
  }
}

extension RandomData {
  /// A matrix in blocks: of numbers where Retort writes the form, else of bytes with scales of a sensible size.
  mutating func matrix(_ shape: Shape, as form: Quantization) -> TensorData {
    if form.canEncode { return floats(shape).stored(as: .quantized(form)) }
    let type = TensorType(shape, .quantized(form))
    var bytes = integers([type.byteCount], below: 256).integers.map { UInt8($0) }
    let size = form.blockByteCount ?? 1
    for block in stride(from: 0, to: bytes.count, by: size) {
      // The upper byte of a float16 of about 0.01.
      for place in form == .q6K ? [209] : [1, 3] { bytes[block + place] = 0x21 }
    }
    return bytes.withUnsafeBytes { TensorData(type, bytes: $0) }
  }
}
