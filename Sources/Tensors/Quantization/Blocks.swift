// GGUF's blocks of 32 numbers.

/// Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1 as ggml lays them out (`ggml-common.h`) and as its Python package reads and writes them: a scale and perhaps a
/// least number, float16 each; the fifth bits, if there are any; whole numbers, of four bits the first sixteen in the lower halves.
enum Blocks {
  static let length = 32

  static func decode(
    _ form: Quantization, _ bytes: UnsafeRawBufferPointer,
    into numbers: UnsafeMutableBufferPointer<Float>
  ) {
    let size = form.blockByteCount ?? 0
    for block in 0..<numbers.count / length {
      let start = block * size
      let y = UnsafeMutableBufferPointer(rebasing: numbers[block * length..<(block + 1) * length])
      let scale = float16(bytes, start)
      if form == .q80 {
        for i in 0..<length { y[i] = Float(Int8(bitPattern: bytes[start + 2 + i])) * scale }
        continue
      }
      let hasLeast = form == .q41 || form == .q51
      let least = hasLeast ? float16(bytes, start + 2) : 0
      let isFive = form == .q50 || form == .q51
      var codes = start + (hasLeast ? 4 : 2)
      var high: UInt32 = 0
      if isFive {
        high = bytes.loadUnaligned(fromByteOffset: codes, as: UInt32.self)
        codes += 4
      }
      let middle: Int32 = hasLeast ? 0 : isFive ? 16 : 8
      for i in 0..<length {
        let low = bytes[codes + i % 16] >> (i < 16 ? 0 : 4) & 15
        let whole = Int32(low) | Int32(high >> UInt32(i) & 1) << 4
        y[i] = Float(whole - middle) * scale + least
      }
    }
  }

  static func encode(
    _ form: Quantization, _ numbers: UnsafeBufferPointer<Float>,
    into bytes: UnsafeMutableRawBufferPointer
  ) {
    let size = form.blockByteCount ?? 0
    for block in 0..<numbers.count / length {
      let x = UnsafeBufferPointer(rebasing: numbers[block * length..<(block + 1) * length])
      let to = UnsafeMutableRawBufferPointer(rebasing: bytes[block * size..<(block + 1) * size])
      switch form {
      case .q80: encodeBytes(x, into: to)
      case .q41: encodeFromLeast(x, most: 15, into: to)
      case .q51: encodeFromLeast(x, most: 31, into: to)
      case .q40: encodeAroundZero(x, middle: 8, into: to)
      default: encodeAroundZero(x, middle: 16, into: to)
      }
    }
  }

  private static func encodeBytes(
    _ x: UnsafeBufferPointer<Float>, into to: UnsafeMutableRawBufferPointer
  ) {
    let scale = x.reduce(Float(0)) { max($0, $1.magnitude) } / 127
    let inverse = inverse(scale)
    to.storeBytes(of: Float16(scale).bitPattern, as: UInt16.self)
    for i in 0..<length {
      to[2 + i] = UInt8(bitPattern: Int8((x[i] * inverse).rounded()))
    }
  }

  /// 1 / scale; 0 where that is no number, of numbers that are nearly zero.
  static func inverse(_ scale: Float) -> Float { (1 / scale).isFinite ? 1 / scale : 0 }

  /// The largest number, with its sign, becomes the smallest whole one.
  private static func encodeAroundZero(
    _ x: UnsafeBufferPointer<Float>, middle: Float, into to: UnsafeMutableRawBufferPointer
  ) {
    var largest: Float = 0
    for number in x where number.magnitude > largest.magnitude { largest = number }
    let scale = largest / -middle
    let inverse = inverse(scale)
    to.storeBytes(of: Float16(scale).bitPattern, as: UInt16.self)
    let wholes = x.map {
      whole(Double($0) * Double(inverse) + Double(middle) + 0.5, most: 2 * middle - 1)
    }
    put(wholes, at: 2, middle > 8, into: to)
  }

  private static func encodeFromLeast(
    _ x: UnsafeBufferPointer<Float>, most: Float, into to: UnsafeMutableRawBufferPointer
  ) {
    let (least, highest) = (x.min() ?? 0, x.max() ?? 0)
    let scale = (highest - least) / most
    let inverse = inverse(scale)
    to.storeBytes(of: Float16(scale).bitPattern, as: UInt16.self)
    to.storeBytes(of: Float16(least).bitPattern, toByteOffset: 2, as: UInt16.self)
    let wholes = x.map { whole(Double(($0 - least) * inverse + 0.5), most: most) }
    put(wholes, at: 4, most > 15, into: to)
  }

  private static func whole(_ number: Double, most: Float) -> UInt32 {
    UInt32(min(Double(most), max(0, number.rounded(.towardZero))))
  }

  /// Writes whole numbers of four bits, or of five, whose last bits come first.
  private static func put(
    _ wholes: [UInt32], at start: Int, _ isFive: Bool, into to: UnsafeMutableRawBufferPointer
  ) {
    var at = start
    if isFive {
      let high = wholes.enumerated().reduce(UInt32(0)) {
        $0 | ($1.element >> 4) << UInt32($1.offset)
      }
      to.storeBytes(of: high, toByteOffset: at, as: UInt32.self)
      at += 4
    }
    for i in 0..<length / 2 {
      to[at + i] = UInt8(wholes[i] & 15 | (wholes[i + length / 2] & 15) << 4)
    }
  }

  static func float16(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Float {
    Float(Float16(bitPattern: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
  }
}
