// Scaled dot-product attention.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// out = softmax(scale Q K^T) V per head (Vaswani et al., arXiv 1706.03762), with an online
/// softmax (Dao et al., arXiv 2205.14135): memory is linear in the sequence length.
///
/// Operands: q [B, TQ, H, D], k [B, TK, G, D], v [B, TK, G, D]; each key head serves H / G query
/// heads (Ainslie et al., arXiv 2305.13245); optionally either int32 [B], how many of the TK keys count
/// in each batch, at least 1, or, causal with TQ = TK, int32 [B, TQ, 2], where the text of each position
/// begins and its last position. Results: out [B, TQ, H, D], log-sum-exp of the scores [B, H, TQ].
public struct Attention: Op {
  let mask: AttentionMask
  let scale: Float

  public func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let (q, k, v) = (operands[0].shape, operands[1].shape, operands[2].shape)
    precondition(
      q.rank == 4 && k.rank == 4 && k == v && q[0] == k[0] && q[3] == k[3] && q[2] % k[2] == 0
        && (!mask.isCausal || k[1] >= q[1]),
      "attention: q \(q), k \(k) and v \(v) do not fit")
    let isSpanned = mask.isCausal && q[1] == k[1]
    precondition(
      operands.count == 3 || operands[3] == TensorType([q[0]], .int32)
        || isSpanned && operands[3] == TensorType([q[0], q[1], 2], .int32),
      "attention: lengths or spans \(operands.last.map { "\($0)" } ?? "") do not fit q \(q)")
    return [operands[0], TensorType([q[0], q[2], q[1]])]
  }

  public func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    precondition(resultGradients[1] == nil, "attention: the log-sum-exp has no gradient")
    guard let dout = resultGradients[0] else { return [nil, nil, nil] }
    let operands = application.operands
    let known = [application.result(0), application.result(1), dout]
    let slopes = Application(
      AttentionGradient(mask: mask, scale: scale), operands[..<3] + known + operands[3...]
    ).results
    return slopes + operands[3...].map { _ in nil }
  }

  public func flopCount(_ operands: [TensorType]) -> Double {
    AttentionSizes(operands).flopCount(products: 2, mask)
  }

  public func reference(_ operands: [TensorData]) -> [TensorData] {
    let s = AttentionSizes(operands.map(\.type))
    let (q, k, v) = (operands[0].floats, operands[1].floats, operands[2].floats)
    var out = [Float](repeating: 0, count: q.count)
    var sums = [Float](repeating: 0, count: s.b * s.h * s.tq)
    let sight = operands.count > 3 ? operands[3] : nil
    s.forEachQuery { b, h, t in
      let visible = s.visibleKeys(b, t, mask, sight)
      let scores = visible.map { key in
        Double(scale)
          * (0..<s.d).reduce(0.0) {
            $0 + Double(q[s.query(b, t, h) + $1]) * Double(k[s.key(b, key, h) + $1])
          }
      }
      let sum = logSumExp(scores)
      sums[(b * s.h + h) * s.tq + t] = Float(sum)
      for d in 0..<s.d {
        out[s.query(b, t, h) + d] = Float(
          scores.indices.reduce(0.0) {
            $0 + exp(scores[$1] - sum) * Double(v[s.key(b, visible.lowerBound + $1, h) + d])
          })
      }
    }
    return [
      TensorData(operands[0].shape, out), TensorData([s.b, s.h, s.tq], sums),
    ]
  }

  public func mayBeNarrow(operand: Int) -> Bool { operand < 3 }
  public func mayBeNarrow(result: Int) -> Bool { result == 0 }

  public func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let s = AttentionSizes(operands)
    let vector = traits.vectorWidth(dividing: s.d)
    let sizes: [KernelCall.Argument] = [.int(s.tq), .int(s.tk), .int(s.h), .int(s.g)]
    let sight: [KernelCall.Argument] = operands.count > 3 ? [.operand(3)] : []
    let whole: [KernelCall.Argument] =
      [.operand(0), .operand(1), .operand(2), .result(0), .result(1)] + sizes + [.float(scale)]
    let defines = s.defines(
      vector, mask, sight: operands.dropFirst(3).first, tiles: traits.family == .cpu)
    guard traits.family == .cpu else {
      let tiles = AttentionTiles.forward(s.d, traits)
      return Launches([
        tiles.call(
          "attention_rows", defines, whole + sight, rowCount: s.tq, heads: s.b * s.h)
      ])
    }
    if s.tq == 1 {
      return Launches([
        KernelCall(
          "attention_row", file: "attention_cpu.cl", defines: defines, arguments: whole + sight,
          global: [s.b * s.h], local: [1])
      ])
    }
    let padded = s.padded(s.tk, vector)
    return Launches(
      [
        s.pack(.operand(1), .scratch(0), s.tk, s.g, vector, defines),
        KernelCall(
          "attention_rows", file: "attention_cpu.cl", defines: defines,
          arguments: [.operand(0), .scratch(0), .operand(2), .result(0), .result(1)] + sizes + [
            .int(padded), .int(s.run), .float(scale),
          ] + sight,
          global: [ceilDivide(s.tq, s.run), s.b * s.h], local: [1, 1]),
      ], scratch: [4 * s.b * s.g * s.d * padded])
  }
}

/// Operands: q, k, v, out, log-sum-exp, dout, optionally lengths or spans. Results: dq, dk, dv.
struct AttentionGradient: Op {
  let mask: AttentionMask
  let scale: Float

  func resultTypes(_ operands: [TensorType]) -> [TensorType] { Array(operands[0..<3]) }

  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    preconditionFailure("the second derivative of attention is not defined")
  }

  func flopCount(_ operands: [TensorType]) -> Double {
    AttentionSizes(operands).flopCount(products: 5, mask)
  }

  func reference(_ operands: [TensorData]) -> [TensorData] {
    let s = AttentionSizes(operands.map(\.type))
    let sight = operands.count > 6 ? operands[6] : nil
    let values = operands[..<6].map { $0.floats.map(Double.init) }
    let (q, k, v, out, sums, dout) = (
      values[0], values[1], values[2], values[3], values[4], values[5]
    )
    var dq = [Double](repeating: 0, count: q.count)
    var dk = [Double](repeating: 0, count: k.count)
    var dv = dk
    s.forEachQuery { b, h, t in
      let row = s.query(b, t, h)
      let delta = (0..<s.d).reduce(0.0) { $0 + out[row + $1] * dout[row + $1] }
      for key in s.visibleKeys(b, t, mask, sight) {
        let column = s.key(b, key, h)
        let score = (0..<s.d).reduce(0.0) { $0 + q[row + $1] * k[column + $1] }
        let weight = exp(score * Double(scale) - sums[(b * s.h + h) * s.tq + t])
        let slope = (0..<s.d).reduce(0.0) { $0 + dout[row + $1] * v[column + $1] }
        let dscore = weight * (slope - delta) * Double(scale)
        for d in 0..<s.d {
          dq[row + d] += dscore * k[column + d]
          dk[column + d] += dscore * q[row + d]
          dv[column + d] += weight * dout[row + d]
        }
      }
    }
    return zip(operands, [dq, dk, dv]).map { TensorData($0.shape, $1.map { Float($0) }) }
  }

  func mayBeNarrow(operand: Int) -> Bool { operand != 4 && operand < 6 }
  func mayBeNarrow(result: Int) -> Bool { true }

  func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let s = AttentionSizes(operands)
    let vector = traits.vectorWidth(dividing: s.d)
    let isCPU = traits.family == .cpu
    let sight: [KernelCall.Argument] = operands.count > 6 ? [.operand(6)] : []
    let defines = s.defines(vector, mask, sight: operands.dropFirst(6).first, tiles: isCPU)
    let sizes: [KernelCall.Argument] = [.int(s.tq), .int(s.tk), .int(s.h), .int(s.g)]
    let paddedQ = s.padded(s.tq, vector)
    let paddedK = s.padded(s.tk, vector)
    let statistics = KernelCall.Argument.scratch(0)
    let local = isCPU ? 16 : 64
    let delta = KernelCall(
      "attention_delta", file: "attention.cl", defines: defines,
      arguments: [
        .operand(3), .operand(5), .operand(4), statistics, .int(s.tq), .int(s.h), .int(paddedQ),
      ],
      global: [roundUp(paddedQ, toMultipleOf: local), s.b * s.h], local: [local, 1])
    let statisticsBytes = 4 * s.b * s.h * 2 * paddedQ
    guard isCPU else {
      let tiles = AttentionTiles.backward(s.d, traits)
      let shared: [KernelCall.Argument] = [
        .operand(0), .operand(1), .operand(2), .operand(5), statistics,
      ]
      let rest = sizes + [.int(paddedQ), .float(scale)] + sight
      return Launches(
        [
          delta,
          tiles.call(
            "attention_rows_gradient", defines, shared + [.result(0)] + rest, rowCount: s.tq,
            heads: s.b * s.h),
          tiles.call(
            "attention_columns_gradient", defines, shared + [.result(1), .result(2)] + rest,
            rowCount: s.tk, heads: s.b * s.g),
        ], scratch: [statisticsBytes])
    }
    let keyBytes = 4 * s.b * s.g * s.d * paddedK
    let queryBytes = 4 * s.b * s.h * s.d * paddedQ
    // One kernel does it with five products where a work-item may own whole heads and keep sums of
    // queries in float32; else two kernels, which make the scores and their slopes twice.
    let ownsHeads = s.headsFill(traits.computeUnits) && operands[0].elementType == .float32
    let columns = KernelCall(
      "attention_columns_gradient", file: "attention_cpu.cl",
      defines: defines.merging(["QUERIES_TOO": ownsHeads ? 1 : 0]) { $1 },
      arguments: [
        .operand(0), .operand(5), .operand(1), .operand(2), .scratch(1), .scratch(2), statistics,
        .result(1), .result(2),
      ] + sizes + [.int(paddedQ), .int(ownsHeads ? s.tk : s.run), .float(scale)]
        + (ownsHeads ? [.result(0)] : []) + sight,
      global: [ownsHeads ? 1 : ceilDivide(s.tk, s.run), s.b * s.g], local: [1, 1])
    let packedQueries = [
      s.pack(.operand(0), .scratch(1), s.tq, s.h, vector, defines),
      s.pack(.operand(5), .scratch(2), s.tq, s.h, vector, defines),
    ]
    guard !ownsHeads else {
      return Launches(
        [delta] + packedQueries + [columns], scratch: [statisticsBytes, queryBytes, queryBytes])
    }
    let rows = KernelCall(
      "attention_rows_gradient", file: "attention_cpu.cl", defines: defines,
      arguments: [
        .operand(0), .operand(5), .operand(1), .scratch(3), .scratch(4), statistics, .result(0),
      ] + sizes + [.int(paddedK), .int(paddedQ), .int(s.run), .float(scale)] + sight,
      global: [ceilDivide(s.tq, s.run), s.b * s.h], local: [1, 1])
    let packedKeys = [
      s.pack(.operand(1), .scratch(3), s.tk, s.g, vector, defines),
      s.pack(.operand(2), .scratch(4), s.tk, s.g, vector, defines),
    ]
    return Launches(
      [delta] + packedQueries + packedKeys + [columns, rows],
      scratch: [statisticsBytes, queryBytes, queryBytes, keyBytes, keyBytes])
  }
}

/// The sizes of an attention, and where its heads lie.
private struct AttentionSizes {
  let b: Int, tq: Int, tk: Int, h: Int, g: Int, d: Int
  /// Rows of a register tile of the CPU's kernels, vectors of a block of scores, and rows that one
  /// work-item owns.
  let rows = 6
  let columnVectors = 2
  let run = 66

  init(_ operands: [TensorType]) {
    let (q, k) = (operands[0].shape, operands[1].shape)
    (b, tq, h, d) = (q[0], q[1], q[2], q[3])
    (tk, g) = (k[1], k[2])
  }

  func query(_ b: Int, _ t: Int, _ h: Int) -> Int { ((b * tq + t) * self.h + h) * d }
  func key(_ b: Int, _ t: Int, _ h: Int) -> Int { ((b * tk + t) * g + h / (self.h / g)) * d }

  /// `sight` are lengths [B] or spans [B, TQ, 2].
  func visibleKeys(_ b: Int, _ t: Int, _ mask: AttentionMask, _ sight: TensorData?) -> Range<Int> {
    let isSpanned = sight?.shape.rank == 3
    let count = isSpanned ? tk : sight.map { min(max(Int($0.integers[b]), 1), tk) } ?? tk
    guard mask.isCausal else { return 0..<count }
    let end = min(count, t + count - tq + 1)
    let first = isSpanned ? Int(sight?.integers[(b * tq + t) * 2] ?? 0) : 0
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

  /// Build constants, with those of the CPU's register tiles where `tiles` are wanted.
  func defines(
    _ vector: Int, _ mask: AttentionMask, sight: TensorType?, tiles: Bool
  ) -> [String: Int] {
    var defines = [
      "D": d, "VECTOR": vector, "CAUSAL": mask.isCausal ? 1 : 0, "WINDOW": mask.window ?? 0,
      "LENGTHS": sight?.shape.rank == 1 ? 1 : 0, "SPANS": sight?.shape.rank == 3 ? 1 : 0,
    ]
    if tiles { defines.merge(["ROWS": rows, "CV": columnVectors]) { $1 } }
    return defines
  }

  /// Transposes [B, T, heads, D] in blocks to [B, heads, padded T / block, D, block].
  func pack(
    _ from: KernelCall.Argument, _ to: KernelCall.Argument, _ length: Int, _ heads: Int,
    _ vector: Int, _ defines: [String: Int]
  ) -> KernelCall {
    KernelCall(
      "attention_pack", file: "attention_cpu.cl", defines: defines,
      arguments: [from, to, .int(length), .int(heads), .int(padded(length, vector))],
      global: [padded(length, vector) / (columnVectors * vector), b * heads], local: [1, 1])
  }
}

/// The blocks of the GPU's kernels: rows that a work-group owns, rows of the other side in local memory
/// at a time, and the lanes that share the former; 8 lanes share the latter.
private struct AttentionTiles {
  let rows: Int
  let columns: Int
  let laneRows: Int

  private static let lanesAcross = 8
  private var group: Int { laneRows * Self.lanesAcross }

  /// Bytes of some tiles of whole rows of d elements, and of `scores` blocks of scores.
  private func localBytes(_ d: Int, tiles: Int, scores: Int) -> Int {
    4
      * (tiles * (roundUp(d, toMultipleOf: 4 * Self.lanesAcross) + 4) + scores * rows
        * (columns + 1))
  }

  private static func first(
    _ candidates: [(Int, Int, Int)], _ traits: DeviceTraits, bytes: (Self) -> Int
  ) -> Self {
    let all = candidates.map { Self(rows: $0.0, columns: $0.1, laneRows: $0.2) }
    let fits = all.first {
      $0.group <= traits.maximumWorkGroupSize && bytes($0) <= traits.localMemoryBytes
    }
    guard let fits else {
      preconditionFailure(
        "attention: no block fits \(traits.localMemoryBytes) bytes of local memory")
    }
    return fits
  }

  /// While scores become weights each lane has a row of its own, so there are as many.
  static func forward(_ d: Int, _ traits: DeviceTraits) -> Self {
    first([(64, 32, 8), (64, 16, 8), (32, 16, 4), (16, 8, 2), (8, 8, 1)], traits) {
      $0.localBytes(d, tiles: $0.rows + $0.columns, scores: 1) + 12 * $0.rows
    }
  }

  static func backward(_ d: Int, _ traits: DeviceTraits) -> Self {
    first([(32, 32, 8), (16, 16, 8), (8, 8, 8), (8, 8, 1)], traits) {
      $0.localBytes(d, tiles: 2 * ($0.rows + $0.columns), scores: 2)
    }
  }

  func call(
    _ function: String, _ defines: [String: Int], _ arguments: [KernelCall.Argument],
    rowCount: Int, heads: Int
  ) -> KernelCall {
    let kernels = ["attention_rows", "attention_rows_gradient", "attention_columns_gradient"]
    let own = [
      "ROWS": rows, "COLUMNS": columns, "GROUP_Y": laneRows,
      "ONLY": 1 + (kernels.firstIndex(of: function) ?? -1),
    ]
    return KernelCall(
      function, file: "attention_gpu.cl", defines: defines.merging(own) { $1 },
      arguments: arguments, global: [ceilDivide(rowCount, rows) * group, heads],
      local: [group, 1])
  }
}

/// Which keys a query sees.
public enum AttentionMask: Sendable, Hashable {
  /// All that count.
  case full
  /// Query t of TQ sees the keys up to t + K - TQ, where K of them count; with a window only the
  /// last so many of these (Beltagy et al., arXiv 2004.05150).
  case causal(window: Int?)

  public static let causal = AttentionMask.causal(window: nil)

  var isCausal: Bool { self != .full }
  var window: Int? { if case .causal(let window) = self { window } else { nil } }
}

extension Tensor {
  /// Attention of queries (this tensor, [B, TQ, H, D]) to keys and values [B, TK, G, D], with
  /// scores scaled by 1 / sqrt(D). `lengths`, int32 [B], says how many keys count in each batch: at
  /// least 1, and at least TQ where causal. `spans`, int32 [B, TQ, 2], in its place, is for rows of several
  /// texts: where each position's text begins, and its last position; causal and TQ = TK.
  public func attention(
    keys: Tensor, values: Tensor, mask: AttentionMask, lengths: Tensor? = nil,
    spans: Tensor? = nil
  ) -> Tensor {
    precondition(lengths == nil || spans == nil, "attention takes lengths or spans")
    let op = Attention(mask: mask, scale: 1 / Float(shape[-1]).squareRoot())
    let sight = [lengths, spans].compactMap { $0 }
    return Application(op, [self, keys, values] + sight).result(0)
  }
}
