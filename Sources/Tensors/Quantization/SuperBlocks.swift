// GGUF's blocks of 256 numbers.

/// Q4_K, Q5_K and Q6_K as ggml lays them out (`ggml-common.h`): a block is cut into parts of 32 or 16 numbers, whose scales are whole numbers
/// themselves, times a scale of the block.
enum SuperBlocks {
  static let length = 256

  static func decode(
    _ form: Quantization, _ bytes: UnsafeRawBufferPointer,
    into numbers: UnsafeMutableBufferPointer<Float>
  ) {
    let size = form.blockByteCount ?? 0
    for block in 0..<numbers.count / length {
      let own = UnsafeRawBufferPointer(rebasing: bytes[block * size..<(block + 1) * size])
      let y = UnsafeMutableBufferPointer(rebasing: numbers[block * length..<(block + 1) * length])
      if form == .q6K { decodeSixBits(own, y) } else { decodeFromLeast(own, y, form == .q5K) }
    }
  }

  /// Eight parts with a scale and a least number of six bits each; pairs of parts share bytes.
  private static func decodeFromLeast(
    _ bytes: UnsafeRawBufferPointer, _ y: UnsafeMutableBufferPointer<Float>, _ isFive: Bool
  ) {
    let (scale, least) = (Blocks.float16(bytes, 0), Blocks.float16(bytes, 2))
    let high = 16
    let codes = isFive ? high + 32 : high
    for part in 0..<8 {
      let six = sixBits(part) { bytes[4 + $0] }
      let (d, m) = (scale * Float(six.scale), least * Float(six.least))
      for i in 0..<32 {
        let low = bytes[codes + part / 2 * 32 + i] >> (part % 2 == 0 ? 0 : 4) & 15
        let fifth = isFive ? bytes[high + i] >> UInt8(part) & 1 : 0
        y[part * 32 + i] = d * Float(low | fifth << 4) - m
      }
    }
  }

  /// The scale and the least number of a part, from twelve bytes.
  static func sixBits(_ part: Int, _ byte: (Int) -> UInt8) -> (scale: UInt8, least: UInt8) {
    if part < 4 { return (byte(part) & 63, byte(part + 4) & 63) }
    let both = byte(part + 4)
    return (both & 15 | (byte(part - 4) >> 6) << 4, both >> 4 | (byte(part) >> 6) << 4)
  }

  /// Sixteen parts with scales of eight bits; numbers are four bits here and two there.
  private static func decodeSixBits(
    _ bytes: UnsafeRawBufferPointer, _ y: UnsafeMutableBufferPointer<Float>
  ) {
    let scale = Blocks.float16(bytes, 208)
    for i in 0..<length {
      let (half, quarter, place) = (i / 128, i % 128 / 32, i % 32)
      let low = bytes[half * 64 + quarter % 2 * 32 + place] >> (quarter < 2 ? 0 : 4) & 15
      let high = bytes[128 + half * 32 + place] >> UInt8(2 * quarter) & 3
      let d = scale * Float(Int8(bitPattern: bytes[192 + i / 16]))
      y[i] = d * Float(Int32(low | high << 4) - 32)
    }
  }
}
