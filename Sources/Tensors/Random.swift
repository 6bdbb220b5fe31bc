// Random numbers that depend on nothing but their key and position.
import Base

/// Philox 4x32 with 10 rounds, a counter-based generator (Salmon et al., "Parallel Random Numbers:
/// As Easy as 1, 2, 3", SC 2011). `Kernels/common.cl` computes the same bits.
package enum Philox {
  package typealias Block = SIMD4<UInt32>

  /// Four random words for a counter and a key.
  package static func block(counter: Block, key: SIMD2<UInt32>) -> Block {
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
  package static func uniform(_ word: UInt32) -> Float { Float(word >> 8) * 0x1p-24 }

  /// The number that kernels draw at a position: `index` in `stream`, under (seed, step).
  static func uniform(index: UInt32, stream: UInt32, seed: UInt32, step: UInt32) -> Float {
    uniform(block(counter: [index, stream, step, 0], key: [seed, 0])[0])
  }

  /// The FNV-1a hash of a name, which turns names into streams.
  package static func stream(named name: String) -> UInt32 {
    name.utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
  }

  /// Where `index` goes in a permutation of `0..<count` that depends on seed and stream alone: a
  /// Feistel network of four rounds, walked until it lands below `count`. Needs no memory, so the
  /// order of a pass over any amount of data costs nothing to keep or to resume.
  package static func permuted(_ index: Int, of count: Int, seed: UInt64, stream: UInt32) -> Int {
    demand((0..<count).contains(index), "\(index) is not below \(count)")
    let key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    // Half of the bits that an index needs, rounded up.
    let bits = (Int.bitWidth - (count - 1).leadingZeroBitCount + 1) / 2
    let mask = (1 << bits) - 1
    var value = index
    repeat {
      var (left, right) = (value >> bits, value & mask)
      for round in 0..<4 as Range<UInt32> {
        let word = block(counter: [UInt32(right), stream, round, 1], key: key)[0]
        (left, right) = (right, left ^ (Int(word) & mask))
      }
      value = left << bits | right
    } while value >= count
    return value
  }
}
