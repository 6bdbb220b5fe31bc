// The sizes of an attention.

/// The sizes of an attention, and where its heads lie.
struct AttentionSizes {
  let b: Int, tq: Int, tk: Int, h: Int, g: Int, d: Int
  /// Rows of a register tile of the CPU's kernels, vectors of a block of scores, and tiles and rows that
  /// one work-item owns.
  let rows = 6
  let columnVectors = 2
  let tiles = 11
  var run: Int { tiles * rows }

  init(_ operands: [TensorType]) {
    let (q, k) = (operands[0].shape, operands[1].shape)
    (b, tq, h, d) = (q[0], q[1], q[2], q[3])
    (tk, g) = (k[1], k[2])
  }

  func query(_ b: Int, _ t: Int, _ h: Int) -> Int { ((b * tq + t) * self.h + h) * d }
  func key(_ b: Int, _ t: Int, _ h: Int) -> Int { ((b * tk + t) * g + h / (self.h / g)) * d }

  /// The row of keys that a batch reads.
  func keyRow(_ b: Int, _ visibility: TensorData?) -> Int {
    guard let visibility, visibility.shape.rank == 2 else { return b }
    return Int(visibility.integers[2 * b + 1])
  }

  /// `visibility` are lengths [B], lengths and rows [B, 2], or segments [B, TQ, 2].
  func visibleKeys(
    _ b: Int, _ t: Int, _ mask: AttentionMask, _ visibility: TensorData?
  ) -> Range<Int> {
    let hasSegments = visibility?.shape.rank == 3
    let count =
      hasSegments
      ? tk : visibility.map { min(max(Int($0.integers[b * $0.shape.rank]), 1), tk) } ?? tk
    guard mask.isCausal else { return 0..<count }
    let end = min(count, t + count - tq + 1)
    let first = hasSegments ? Int(visibility?.integers[(b * tq + t) * 2] ?? 0) : 0
    return max(first, mask.window.map { t + count - tq + 1 - $0 } ?? 0)..<end
  }

  func forEachQuery(_ body: (_ b: Int, _ h: Int, _ t: Int) -> Void) {
    for b in 0..<b { for h in 0..<h { for t in 0..<tq { body(b, h, t) } } }
  }

  /// Floating-point operations of some products of all queries with all keys they see.
  func flopCount(products: Double, _ mask: AttentionMask) -> Double {
    let seen = (0..<tq).reduce(0.0) { $0 + Double(visibleKeys(0, $1, mask, nil).count) }
    return products * 2 * Double(b * h * d) * seen
  }

  /// Whether so many units are busy at least three quarters of the time when each work-item owns
  /// all of a batch's key head.
  func headsFill(_ units: Int) -> Bool {
    let rounds = ceilDivide(b * g, units)
    return 4 * b * g >= 3 * rounds * units
  }

  /// A sequence length rounded up to whole blocks of scores.
  func padded(_ length: Int, _ vector: Int) -> Int {
    roundUp(length, toMultipleOf: columnVectors * vector)
  }

  /// Vectors of a head's elements whose sums a tile of rows makes at a time: so many that sums, a value of each and a weight
  /// stay in registers, in parts of about one size.
  private func partVectors(_ vector: Int, registers: Int) -> Int {
    let (all, most) = (d / vector, max(1, (registers - 1) / (rows + 1)))
    return ceilDivide(all, ceilDivide(all, most))
  }

  /// Build constants, with those of the CPU's register tiles for kernels of its family.
  func defines(
    _ vector: Int, _ mask: AttentionMask, _ score: AttentionScore, visibility: TensorType?,
    on traits: DeviceTraits
  ) -> [String: Int] {
    var defines = [
      "D": d, "VECTOR": vector, "CAUSAL": mask.isCausal ? 1 : 0, "WINDOW": mask.window ?? 0,
      "LENGTHS": visibility.map { $0.shape.rank < 3 ? $0.shape.rank : 0 } ?? 0,
      "SEGMENTS": visibility?.shape.rank == 3 ? 1 : 0,
      "CAPPED": score.cap == nil ? 0 : 1,
    ]
    if traits.family == .cpu {
      let part = partVectors(vector, registers: traits.vectorRegisters)
      defines.merge(["ROWS": rows, "CV": columnVectors, "TILES": tiles, "EV": part]) { $1 }
    }
    return defines
  }

  /// Transposes [B, T, heads, D] in blocks to [B, heads, padded T / block, D, block].
  func pack(
    _ from: KernelCall.Argument, _ to: KernelCall.Argument, _ length: Int, _ heads: Int,
    _ vector: Int, _ defines: [String: Int], _ visibility: [KernelCall.Argument] = []
  ) -> KernelCall {
    let namesRows = defines["LENGTHS"] == 2
    return KernelCall(
      namesRows ? "attention_pack_rows" : "attention_pack", file: "attention_cpu.cl",
      defines: defines,
      arguments: [.named(from, "x"), to, .int(length), .int(heads), .int(padded(length, vector))]
        + (namesRows ? visibility : []),
      global: [padded(length, vector) / (columnVectors * vector), b * heads], local: [1, 1])
  }
}
