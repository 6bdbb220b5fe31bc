// Scaled dot-product attention.
import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// out = softmax(s) V per head, where s = scale Q K^T or, with a cap, cap tanh(scale Q K^T / cap) (Gemma 2, arXiv 2408.00118) (Vaswani et al., arXiv 1706.03762), with an online
/// softmax (Dao et al., arXiv 2205.14135): memory is linear in the sequence length.
///
/// Operands: q [B, TQ, H, D], k [B, TK, G, D], v [B, TK, G, D]; each key head serves H / G query
/// heads (Ainslie et al., arXiv 2305.13245); optionally either int32 [B], how many of the TK keys count
/// in each batch, at least 1; or int32 [B, 2], the same and the row of k and v, which may have any number of rows, that each batch reads;
/// or, causal with TQ = TK, int32 [B, TQ, 2], where the text of each position
/// begins and its last position. Results: out [B, TQ, H, D], log-sum-exp of the scores [B, H, TQ].
package struct Attention: KernelOp {
  let mask: AttentionMask
  let score: AttentionScore

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    let (q, k, v) = (operands[0].shape, operands[1].shape, operands[2].shape)
    let namesRows = operands.count > 3 && operands[3] == TensorType([q[0], 2], .int32)
    demand(
      q.rank == 4 && k.rank == 4 && k == v && (q[0] == k[0] || namesRows) && q[3] == k[3]
        && q[2] % k[2] == 0
        && (!mask.isCausal || k[1] >= q[1]),
      "attention: q \(q), k \(k) and v \(v) do not fit")
    let hasSegments = mask.isCausal && q[1] == k[1]
    demand(
      operands.count == 3 || namesRows || operands[3] == TensorType([q[0]], .int32)
        || hasSegments && operands[3] == TensorType([q[0], q[1], 2], .int32),
      "attention: lengths or segments \(operands.last.map { "\($0)" } ?? "") do not fit q \(q)")
    return [operands[0], TensorType([q[0], q[2], q[1]])]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    demand(resultGradients[1] == nil, "attention: the log-sum-exp has no gradient")
    demand(
      application.operands[0].shape[0] == application.operands[1].shape[0],
      "attention: rows of a cache have no gradient")
    guard let dout = resultGradients[0] else { return [nil, nil, nil] }
    let operands = application.operands
    let known = [application.result(0), application.result(1), dout]
    let slopes = Application(
      AttentionGradient(mask: mask, score: score), operands[..<3] + known + operands[3...]
    ).results
    return slopes + operands[3...].map { _ in nil }
  }

  package func flopCount(_ operands: [TensorType]) -> Double {
    AttentionSizes(operands).flopCount(products: 2, mask)
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let s = AttentionSizes(operands.map(\.type))
    let (q, k, v) = (operands[0].floats, operands[1].floats, operands[2].floats)
    var out = [Float](repeating: 0, count: q.count)
    var sums = [Float](repeating: 0, count: s.b * s.h * s.tq)
    let visibility = operands.count > 3 ? operands[3] : nil
    s.forEachQuery { b, h, t in
      let visible = s.visibleKeys(b, t, mask, visibility)
      let row = s.keyRow(b, visibility)
      let scores = visible.map { key in
        score(
          (0..<s.d).reduce(0.0) {
            $0 + Double(q[s.query(b, t, h) + $1]) * Double(k[s.key(row, key, h) + $1])
          })
      }
      let sum = logSumExp(scores)
      sums[(b * s.h + h) * s.tq + t] = Float(sum)
      for d in 0..<s.d {
        out[s.query(b, t, h) + d] = Float(
          scores.indices.reduce(0.0) {
            $0 + exp(scores[$1] - sum) * Double(v[s.key(row, visible.lowerBound + $1, h) + d])
          })
      }
    }
    return [
      TensorData(operands[0].shape, out), TensorData([s.b, s.h, s.tq], sums),
    ]
  }

  package func mayBeNarrow(operand: Int) -> Bool { operand < 3 }
  package func mayBeNarrow(result: Int) -> Bool { result == 0 }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let s = AttentionSizes(operands)
    let vector = traits.vectorWidth(dividing: s.d)
    let sizes: [KernelCall.Argument] = [.int(s.tq), .int(s.tk), .int(s.h), .int(s.g)]
    let visibility: [KernelCall.Argument] = operands.count > 3 ? [.operand(3)] : []
    let whole: [KernelCall.Argument] =
      [.operand(0, "q"), .operand(1, "k"), .operand(2, "v"), .result(0, "out"), .result(1)] + sizes
      + score.arguments
    let defines = s.defines(
      vector, mask, score, visibility: operands.dropFirst(3).first, on: traits)
    guard traits.family == .cpu else {
      guard let tiles = AttentionTiles.forward(s.d, operands[..<3].map(\.elementType), traits)
      else {
        return launches(operands, on: traits.withoutLocalMemory)
      }
      return Launches([
        tiles.call(
          "attention_rows", defines, whole + visibility, rowCount: s.tq, heads: s.b * s.h)
      ])
    }
    if s.tq == 1 {
      return Launches([
        KernelCall(
          "attention_row", file: "attention_cpu.cl", defines: defines,
          arguments: whole + visibility,
          global: [s.b * s.h], local: [1])
      ])
    }
    let padded = s.padded(s.tk, vector)
    return Launches(
      [
        s.pack(.operand(1), .scratch(0), s.tk, s.g, vector, defines, visibility),
        KernelCall(
          "attention_rows", file: "attention_cpu.cl", defines: defines,
          arguments: [
            .operand(0, "q"), .scratch(0), .operand(2, "v"), .result(0, "out"), .result(1),
          ] + sizes + [.int(padded)] + score.arguments + visibility,
          global: [ceilDivide(s.tq, s.run), s.b * s.h], local: [1, 1]),
      ], scratch: [4 * s.b * s.g * s.d * padded])
  }
}

/// Which keys a query sees.
public enum AttentionMask: Sendable, Hashable {
  /// All that count.
  case full
  /// Query t of TQ sees the keys up to t + K - TQ, where K of them count; with a window only the
  /// last so many of these (Beltagy et al., arXiv 2004.05150).
  case causal(window: Int?)

  /// Every query sees all positions up to its own.
  public static let causal = AttentionMask.causal(window: nil)

  var isCausal: Bool { self != .full }
  var window: Int? { if case .causal(let window) = self { window } else { nil } }
}

/// How a product of a query and a key becomes a score.
public struct AttentionScore: Sendable, Hashable {
  /// What scores are multiplied by.
  public let scale: Float
  /// Scores stay within this, softly; nil where they have no bound.
  public let cap: Float?

  /// A scale, and a cap if there is one.
  public init(scale: Float, cap: Float? = nil) { (self.scale, self.cap) = (scale, cap) }

  /// 1 / sqrt(D) for heads of D elements.
  public static func standard(headSize: Int) -> AttentionScore {
    AttentionScore(scale: 1 / Float(headSize).squareRoot())
  }

  func callAsFunction(_ product: Double) -> Double {
    let s = product * Double(scale)
    return cap.map { tanh(s / Double($0)) * Double($0) } ?? s
  }

  /// The derivative with respect to the product, from the score itself.
  func slope(_ score: Double) -> Double {
    Double(scale) * (1 - (cap.map { score / Double($0) * (score / Double($0)) } ?? 0))
  }

  var arguments: [KernelCall.Argument] { [.float(scale)] + (cap.map { [.float($0)] } ?? []) }
}

extension Tensor {
  /// Attention of queries (this tensor, [B, TQ, H, D]) to keys and values [B, TK, G, D], with
  /// scores scaled by 1 / sqrt(D) unless `score` says otherwise. `lengths`, int32 [B], says how many keys count in each batch: at
  /// least 1, and at least TQ where causal; int32 [B, 2] also says which row of the keys and values, [S, TK, G, D], each batch reads. `segments`, int32 [B, TQ, 2], in its place, is for rows of several
  /// texts: where each position's text begins, and its last position; causal and TQ = TK.
  public func attention(
    keys: Tensor, values: Tensor, mask: AttentionMask, score: AttentionScore? = nil,
    lengths: Tensor? = nil, segments: Tensor? = nil
  ) -> Tensor {
    demand(lengths == nil || segments == nil, "attention takes lengths or segments")
    let op = Attention(mask: mask, score: score ?? .standard(headSize: shape[-1]))
    let visibility = [lengths, segments].compactMap { $0 }
    return Application(op, [self, keys, values] + visibility).result(0)
  }
}
