// Random numbers that depend on nothing but their key and position.

/// Philox 4x32 with 10 rounds, a counter-based generator (Salmon et al., "Parallel Random Numbers:
/// As Easy as 1, 2, 3", SC 2011). `Kernels/common.cl` computes the same bits.
public enum Philox {
  public typealias Block = SIMD4<UInt32>

  /// Four random words for a counter and a key.
  public static func block(counter: Block, key: SIMD2<UInt32>) -> Block {
    var c = counter
    var k = key
    for _ in 0..<10 {
      let first = c[0].multipliedFullWidth(by: 0xD251_1F53)
      let second = c[2].multipliedFullWidth(by: 0xCD9E_8D57)
      c = Block(second.high ^ c[1] ^ k[0], second.low, first.high ^ c[3] ^ k[1], first.low)
      k = SIMD2(k[0] &+ 0x9E37_79B9, k[1] &+ 0xBB67_AE85)
    }
    return c
  }

  /// A uniform number in [0, 1) from the upper 24 bits of a word.
  public static func uniform(_ word: UInt32) -> Float { Float(word >> 8) * 0x1p-24 }

  /// The number that kernels draw at a position: `index` in `stream`, under (seed, step).
  static func uniform(index: UInt32, stream: UInt32, seed: UInt32, step: UInt32) -> Float {
    uniform(block(counter: [index, stream, step, 0], key: [seed, 0])[0])
  }

  /// The FNV-1a hash of a name, which turns names into streams.
  public static func stream(named name: String) -> UInt32 {
    name.utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
  }

  /// A permutation of `0..<count` (Fisher and Yates) that depends on seed and stream alone.
  public static func permutation(of count: Int, seed: UInt64, stream: UInt32) -> [Int] {
    var order = Array(0..<count)
    let key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    for i in stride(from: count - 1, to: 0, by: -1) {
      let words = block(counter: [UInt32(truncatingIfNeeded: i), stream, 0, 1], key: key)
      let wide = UInt64(words[0]) << 32 | UInt64(words[1])
      order.swapAt(i, Int(wide % UInt64(i + 1)))
    }
    return order
  }
}
