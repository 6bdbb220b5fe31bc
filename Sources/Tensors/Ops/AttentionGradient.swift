// The gradients of scaled dot-product attention.
import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Operands: q, k, v, out, log-sum-exp, dout, optionally lengths or segments. Results: dq, dk, dv.
struct AttentionGradient: KernelOp {
  let mask: AttentionMask
  let score: AttentionScore

  func resultTypes(_ operands: [TensorType]) -> [TensorType] { Array(operands[0..<3]) }

  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    fatal("the second derivative of attention is not defined")
  }

  func flopCount(_ operands: [TensorType]) -> Double {
    AttentionSizes(operands).flopCount(products: 5, mask)
  }

  func reference(_ operands: [TensorData]) -> [TensorData] {
    let s = AttentionSizes(operands.map(\.type))
    let visibility = operands.count > 6 ? operands[6] : nil
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
      for key in s.visibleKeys(b, t, mask, visibility) {
        let column = s.key(b, key, h)
        let own = score((0..<s.d).reduce(0.0) { $0 + q[row + $1] * k[column + $1] })
        let weight = exp(own - sums[(b * s.h + h) * s.tq + t])
        let slope = (0..<s.d).reduce(0.0) { $0 + dout[row + $1] * v[column + $1] }
        let dscore = weight * (slope - delta) * score.slope(own)
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
    let visibility: [KernelCall.Argument] = operands.count > 6 ? [.operand(6)] : []
    let defines = s.defines(
      vector, mask, score, visibility: operands.dropFirst(6).first, on: traits)
    let sizes: [KernelCall.Argument] = [.int(s.tq), .int(s.tk), .int(s.h), .int(s.g)]
    // One kernel does it with five products where a work-item may own whole heads and keep sums in the
    // results, in float32; else two kernels, which make the scores and their slopes twice.
    if isCPU && s.headsFill(traits.computeUnits) && operands[0].elementType == .float32 {
      return Launches([
        KernelCall(
          "attention_heads_gradient", file: "attention_cpu_gradient.cl", defines: defines,
          arguments: [
            .operand(0, "q"), .operand(1, "k"), .operand(2, "v"), .operand(3, "out"), .operand(4),
            .operand(5, "dout"), .result(0, "dq"), .result(1, "dk"), .result(2, "dv"),
          ] + sizes + score.arguments + visibility,
          global: [s.b * s.g], local: [1])
      ])
    }
    let paddedQ = s.padded(s.tq, vector)
    let paddedK = s.padded(s.tk, vector)
    let statistics = KernelCall.Argument.scratch(0)
    let local = isCPU ? min(16, traits.maximumWorkGroupSize) : traits.groupSize
    let delta = KernelCall(
      "attention_delta", file: "attention.cl", defines: defines,
      arguments: [
        .operand(3, "out"), .operand(5, "dout"), .operand(4), statistics, .int(s.tq), .int(s.h),
        .int(paddedQ),
      ],
      global: [roundUp(paddedQ, toMultipleOf: local), s.b * s.h], local: [local, 1])
    let statisticsBytes = 4 * s.b * s.h * 2 * paddedQ
    guard isCPU else {
      let types = [0, 1, 2, 5].map { operands[$0].elementType }
      guard let tiles = AttentionTiles.backward(s.d, types, traits) else {
        return launches(operands, on: traits.withoutLocalMemory)
      }
      let shared: [KernelCall.Argument] = [
        .operand(0, "q"), .operand(1, "k"), .operand(2, "v"), .operand(5, "dout"), statistics,
      ]
      let rest = sizes + [.int(paddedQ)] + score.arguments + visibility
      return Launches(
        [
          delta,
          tiles.call(
            "attention_rows_gradient", defines, shared + [.result(0, "dq")] + rest, rowCount: s.tq,
            heads: s.b * s.h),
          tiles.call(
            "attention_columns_gradient", defines,
            shared + [.result(1, "dk"), .result(2, "dv")] + rest,
            rowCount: s.tk, heads: s.b * s.g),
        ], scratch: [statisticsBytes])
    }
    let keyBytes = 4 * s.b * s.g * s.d * paddedK
    let queryBytes = 4 * s.b * s.h * s.d * paddedQ
    let columns = KernelCall(
      "attention_columns_gradient", file: "attention_cpu_gradient.cl", defines: defines,
      arguments: [
        .operand(0, "q"), .operand(5, "dout"), .operand(1, "k"), .operand(2, "v"), .scratch(1),
        .scratch(2), statistics, .result(1, "dk"), .result(2, "dv"),
      ] + sizes + [.int(paddedQ), .int(s.run)] + score.arguments + visibility,
      global: [ceilDivide(s.tk, s.run), s.b * s.g], local: [1, 1])
    let packedQueries = [
      s.pack(.operand(0), .scratch(1), s.tq, s.h, vector, defines),
      s.pack(.operand(5), .scratch(2), s.tq, s.h, vector, defines),
    ]
    let rows = KernelCall(
      "attention_rows_gradient", file: "attention_cpu_gradient.cl", defines: defines,
      arguments: [
        .operand(0, "q"), .operand(5, "dout"), .operand(1, "k"), .scratch(3), .scratch(4),
        statistics,
        .result(0, "dq"),
      ] + sizes + [.int(paddedK), .int(paddedQ), .int(s.run)] + score.arguments + visibility,
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
