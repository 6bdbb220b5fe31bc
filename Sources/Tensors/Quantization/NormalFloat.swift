// NormalFloat of 4 bits, with scales of 8 bits.

/// Blocks of 64 numbers share a scale, their largest size; a number is one of sixteen quantiles of a normal distribution. Scales less their mean
/// are eight bits of a dynamic map, in groups of 256 that share a scale themselves.
///
/// In memory a group of 256 blocks is: its scale and the mean of all scales, float32 each; 256 codes of scales; two numbers a byte, the
/// first in the upper half. The last group has room for as many blocks as the others.
enum NormalFloat {
  static let blockLength = 64
  private static let groupBlocks = 256
  private static let groupByteCount = 8 + groupBlocks + groupBlocks * blockLength / 2

  /// QLoRA, appendix E.
  static let values: [Float] = [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1,
  ]

  static func byteCount(_ elementCount: Int) -> Int {
    ceilDivide(elementCount, groupBlocks * blockLength) * groupByteCount
  }

  static func decode(
    _ bytes: UnsafeRawBufferPointer, into numbers: UnsafeMutableBufferPointer<Float>
  ) {
    for block in 0..<numbers.count / blockLength {
      let group = block / groupBlocks * groupByteCount
      let inside = block % groupBlocks
      let scale =
        DynamicMap.signed[Int(bytes[group + 8 + inside])]
        * bytes.loadUnaligned(fromByteOffset: group, as: Float.self)
        + bytes.loadUnaligned(fromByteOffset: group + 4, as: Float.self)
      let codes = group + 8 + groupBlocks + inside * blockLength / 2
      for pair in 0..<blockLength / 2 {
        let byte = Int(bytes[codes + pair])
        numbers[block * blockLength + 2 * pair] = values[byte >> 4] * scale
        numbers[block * blockLength + 2 * pair + 1] = values[byte & 15] * scale
      }
    }
  }

  static func encode(
    _ numbers: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableRawBufferPointer
  ) {
    let blocks = numbers.count / blockLength
    let largest = (0..<blocks).map { block in
      (0..<blockLength).reduce(Float(0)) { max($0, numbers[block * blockLength + $1].magnitude) }
    }
    let mean = Float(largest.reduce(0.0) { $0 + Double($1) } / Double(max(blocks, 1)))
    let borders = DynamicMap.borders(DynamicMap.signed)
    _ = bytes.initializeMemory(as: UInt8.self, repeating: 0)
    for first in stride(from: 0, to: blocks, by: groupBlocks) {
      let group = first / groupBlocks * groupByteCount
      let own = first..<min(blocks, first + groupBlocks)
      let scale = own.reduce(Float(0)) { max($0, (largest[$1] - mean).magnitude) }
      bytes.storeBytes(of: scale, toByteOffset: group, as: Float.self)
      bytes.storeBytes(of: mean, toByteOffset: group + 4, as: Float.self)
      for block in own {
        let part = scale > 0 ? (largest[block] - mean) / scale : 0
        bytes[group + 8 + block - first] = DynamicMap.code(part, borders: borders)
        let inverse = Blocks.inverse(largest[block])
        let codes = group + 8 + groupBlocks + (block - first) * blockLength / 2
        for pair in 0..<blockLength / 2 {
          let at = block * blockLength + 2 * pair
          bytes[codes + pair] = code(numbers[at] * inverse) << 4 | code(numbers[at + 1] * inverse)
        }
      }
    }
  }

  private static let borders = DynamicMap.borders(values)

  /// The nearest of the sixteen.
  private static func code(_ number: Float) -> UInt8 {
    borders.withUnsafeBufferPointer { borders in
      var code: UInt8 = 0
      for index in 0..<15 { code += number > borders[index] ? 1 : 0 }
      return code
    }
  }
}
