// Products of matrices.
import Base

/// C = op(A) op(B), with an optional formula applied to every element of C as it is stored.
///
/// Operands: A [..., M, K], B [K, N] or [..., K, N] (last two axes exchanged where transposed),
/// then the epilogue's. Result: [..., M, N].
package struct MatMul: KernelOp, CustomStringConvertible {
  /// What is done to each element of the product: `expression`'s operand 0 is the product, the
  /// others are this op's operands from the third on.
  struct Epilogue: Sendable, Hashable {
    var expression: Expression
    var reads: [Elementwise.Read]

    /// Adds operand 2, which may lie where the product is stored.
    static let adding = Epilogue(expression: .operand(0) + .operand(1), reads: [.full, .full])
  }

  let transposeA: Bool
  let transposeB: Bool
  var epilogue: Epilogue?

  package init(transposeA: Bool, transposeB: Bool) {
    self.init(transposeA: transposeA, transposeB: transposeB, epilogue: nil)
  }

  init(transposeA: Bool, transposeB: Bool, epilogue: Epilogue?) {
    self.transposeA = transposeA
    self.transposeB = transposeB
    self.epilogue = epilogue
  }

  package var description: String {
    let flags = (transposeA ? "T" : "N") + (transposeB ? "T" : "N")
    return "MatMul \(flags)" + (epilogue.map { " then \($0.expression)" } ?? "")
  }

  /// The sizes of one product, and how many there are.
  struct Sizes {
    let m: Int, n: Int, k: Int, batch: Int
    let isRightShared: Bool
    let resultShape: Shape
  }

  private func sizes(_ a: Shape, _ b: Shape) -> Sizes {
    func fail() -> Never {
      fatal(
        "matmul\(transposeA ? ", left transposed" : "")\(transposeB ? ", right transposed" : ""): "
          + "\(a) does not fit \(b)")
    }
    if a.rank < 2 || b.rank < 2 { fail() }
    let isShared = b.rank == 2
    if !isShared, a.extents.dropLast(2) != b.extents.dropLast(2) { fail() }
    // One right matrix for all: the leading axes of A are more rows, unless A is transposed.
    let merges = isShared && !transposeA
    let batch = merges ? 1 : a.extents.dropLast(2).reduce(1, *)
    let (rows, columns) = merges ? (a.rowCount, a.columnCount) : (a[-2], a[-1])
    let (m, k) = transposeA ? (columns, rows) : (rows, columns)
    let (n, kb) = transposeB ? (b[-2], b[-1]) : (b[-1], b[-2])
    if k != kb { fail() }
    let outer = merges ? Array(a.extents.dropLast()) : Array(a.extents.dropLast(2)) + [m]
    return Sizes(
      m: m, n: n, k: k, batch: batch, isRightShared: isShared, resultShape: Shape(outer + [n]))
  }

  package func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    [TensorType(sizes(operands[0].shape, operands[1].shape).resultShape)]
  }

  package func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    demand(epilogue == nil, "gradients are taken before products and formulas are fused")
    let a = application.operands[0]
    let b = application.operands[1]
    guard let dc = resultGradients[0] else { return [nil, nil] }
    // C = A B: dA = dC B^T, dB = A^T dC; each transposed back where the operand is.
    let da =
      transposeA
      ? b.matmul(dc, transposeSelf: transposeB, transposeOther: true)
      : dc.matmul(b, transposeOther: !transposeB)
    if b.shape.rank == 2, a.shape.rank > 2 {
      demand(!transposeA, "a transposed batch against one matrix has no gradient")
      // One right matrix for all batches: the batches are more rows to sum over.
      let rows = a.reshaped(to: [a.shape.rowCount, a.shape.columnCount])
      let slopes = dc.reshaped(to: [dc.shape.rowCount, dc.shape.columnCount])
      return [
        da,
        transposeB
          ? slopes.matmul(rows, transposeSelf: true) : rows.matmul(slopes, transposeSelf: true),
      ]
    }
    let db =
      transposeB
      ? dc.matmul(a, transposeSelf: true, transposeOther: transposeA)
      : a.matmul(dc, transposeSelf: !transposeA)
    return [da, db]
  }

  package func flopCount(_ operands: [TensorType]) -> Double {
    let s = sizes(operands[0].shape, operands[1].shape)
    return 2 * Double(s.batch) * Double(s.m) * Double(s.n) * Double(s.k)
  }

  package func reference(_ operands: [TensorData]) -> [TensorData] {
    let s = sizes(operands[0].shape, operands[1].shape)
    let a = operands[0].floats
    let b = operands[1].floats
    var c = [Float](repeating: 0, count: s.batch * s.m * s.n)
    for batch in 0..<s.batch {
      let aStart = batch * s.m * s.k
      let bStart = s.isRightShared ? 0 : batch * s.k * s.n
      for i in 0..<s.m {
        for j in 0..<s.n {
          var sum = 0.0
          for l in 0..<s.k {
            let left = a[aStart + (transposeA ? l * s.m + i : i * s.k + l)]
            let right = b[bStart + (transposeB ? j * s.k + l : l * s.n + j)]
            sum += Double(left) * Double(right)
          }
          c[(batch * s.m + i) * s.n + j] = Float(sum)
        }
      }
    }
    let product = TensorData(s.resultShape, c)
    guard let epilogue else { return [product] }
    let finish = Elementwise(epilogue.expression, epilogue.reads, s.resultShape)
    return finish.reference([product] + operands.dropFirst(2))
  }

  package func mayOverwrite(operand: Int, with result: Int) -> Bool {
    operand >= 2 && epilogue?.reads[operand - 1] == .full
  }

  package func mayBeNarrow(operand: Int) -> Bool { true }
  package func mayBeQuantized(operand: Int) -> Bool { operand == 1 }
  package func mayBeNarrow(result: Int) -> Bool { true }

  package func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let s = sizes(operands[0].shape, operands[1].shape)
    if s.batch * s.m * s.n == 0 { return Launches([]) }
    if s.m <= Self.fewRows(traits), s.batch == 1, !transposeA { return few(s, operands, traits) }
    let (left, right) = (operands[0].elementType, operands[1].elementType)
    if let unit = traits.matrixUnit, unit.takes([left, right.isQuantized ? left : right]) {
      let kernel = unitKernel(s, unit, left, isPlain: !right.isQuantized, traits)
      if kernel.group[0] <= traits.maximumWorkGroupSize {
        return tiled(s, kernel, operands, traits)
      }
    }
    if traits.family == .gpu, traits.matMulCandidates.isEmpty {
      return launches(operands, on: traits.withoutLocalMemory)
    }
    return switch traits.plan(for: problem(s)) {
    case .panels(let plan): panels(s, plan, operands, traits)
    case .tiles(let plan): tiled(s, tileKernel(s, plan), operands, traits)
    }
  }

  func epilogueSource(_ operands: [TensorType]) -> String {
    guard let epilogue else { return "" }
    let types = [.float32] + operands.dropFirst(2).map(\.elementType)
    return ElementwiseSource(epilogue.expression, epilogue.reads, types).epilogue
  }

  package func products(_ operands: [TensorType]) -> [MatMulProblem] {
    [problem(sizes(operands[0].shape, operands[1].shape))]
  }

  private func problem(_ s: Sizes) -> MatMulProblem {
    MatMulProblem(
      m: s.m, n: s.n, k: s.k, batch: s.batch, transposeA: transposeA, transposeB: transposeB)
  }

  /// The most rows of C for which B is not worth packing: on processors as many as texts that are continued together.
  private static func fewRows(_ traits: DeviceTraits) -> Int { traits.family == .cpu ? 8 : 6 }

  /// One sweep over B, for both families.
  private func few(_ s: Sizes, _ operands: [TensorType], _ traits: DeviceTraits) -> Launches {
    let arguments: [KernelCall.Argument] =
      [.operand(0, "a"), .operand(1, "b"), .result(0, "c"), .int(s.n), .int(s.k)]
      + (2..<operands.count).map { .operand($0) }
    let isCPU = traits.family == .cpu
    if transposeB {
      // The sums of all rows stay in registers, or nearly so.
      let columns = isCPU ? (s.m > 6 ? 3 : 4) : 1
      var call = KernelCall.rows(
        "matmul_few_nt", file: "matmul_few.cl", rowCount: ceilDivide(s.n, columns),
        defines: ["ROWS": s.m, "COLUMNS": columns, "TRANSPOSE_B": 1], arguments: arguments,
        on: traits)
      call.prelude = epilogueSource(operands)
      // Kernels of vectors use a scale for all that have it; many lanes share a row in runs of 32.
      if case .quantized(let form) = operands[1].elementType, let length = form.stepLength,
        traits.vectorWidth > 1, isCPU || length >= 32
      {
        call.defines["STEPS"] = isCPU ? length : 32
      }
      return Launches([call])
    }
    // Wide blocks read B in long runs, as long as every core has some.
    let vectors = ceilDivide(s.n, traits.vectorWidth)
    var columns = isCPU ? 24 / s.m : 1
    while columns > 1, vectors / columns < 4 * traits.computeUnits { columns /= 2 }
    let local = isCPU ? 1 : min(64, traits.lanes)
    return Launches([
      KernelCall(
        "matmul_few_nn", file: "matmul_few.cl", prelude: epilogueSource(operands),
        defines: ["ROWS": s.m, "COLUMNS": columns, "VECTOR": traits.vectorWidth],
        arguments: arguments,
        global: [roundUp(ceilDivide(vectors, columns), toMultipleOf: local)], local: [local])
    ])
  }

  /// A kernel of the GPU family, in which a work-group computes a tile of `rows` x `columns` from
  /// `depth` values of k at a time.
  private struct TileKernel {
    let function: String
    let file: String
    let rows: Int
    let columns: Int
    let depth: Int
    let group: [Int]
    let defines: [String: Int]
  }

  /// Tiles through local memory, computed with multiply-adds.
  private func tileKernel(_ s: Sizes, _ plan: MatMulPlan.Tiles) -> TileKernel {
    TileKernel(
      function: "matmul_tiled", file: "matmul_gpu.cl", rows: plan.rows, columns: plan.columns,
      depth: plan.depth, group: [plan.group.columns, plan.group.rows],
      defines: [
        "TILE_M": plan.rows, "TILE_N": plan.columns, "DEPTH": plan.depth, "ITEM_M": plan.itemRows,
        "ITEM_N": plan.itemColumns, "ALIGNED": isAligned(s, to: 4) ? 1 : 0,
      ])
  }

  /// Tiles through local memory, computed with matrix units: the lanes that act as one have a block of a
  /// tile.
  private func unitKernel(
    _ s: Sizes, _ unit: MatrixUnit, _ type: ElementType, isPlain: Bool, _ traits: DeviceTraits
  ) -> TileKernel {
    let isAligned = isAligned(s, to: 8)
    let tiles = unit.tiles(
      m: s.m, n: s.n, batch: s.batch, isAligned: isAligned, isPlain: isPlain, on: traits)
    return TileKernel(
      function: "matmul_units", file: "matmul_units.cl", rows: tiles.rows, columns: tiles.columns,
      depth: tiles.depth, group: [tiles.lanes(unit), 1],
      defines: tiles.defines(isAligned: isAligned).merging(unit.defines(type)) { $1 })
  }

  /// Whether stored rows of both operands are whole vectors.
  private func isAligned(_ s: Sizes, to vector: Int) -> Bool {
    [transposeA ? s.m : s.k, transposeB ? s.k : s.n].allSatisfy { $0 % vector == 0 }
  }

  /// The GPU's algorithm. A product with few tiles and a long K is split along K; the parts are added
  /// in their order.
  private func tiled(
    _ s: Sizes, _ kernel: TileKernel, _ operands: [TensorType], _ traits: DeviceTraits
  ) -> Launches {
    let groups = [ceilDivide(s.n, kernel.columns), ceilDivide(s.m, kernel.rows)]
    let wanted = 2 * traits.computeUnits / max(1, groups[0] * groups[1] * s.batch)
    let most = max(1, min(wanted, 16, s.k / (8 * kernel.depth)))
    let run = max(kernel.depth, roundUp(ceilDivide(s.k, most), toMultipleOf: kernel.depth))
    let splits = max(1, ceilDivide(s.k, run))
    let transposes = ["TRANSPOSE_A": transposeA ? 1 : 0, "TRANSPOSE_B": transposeB ? 1 : 0]
    let more = (2..<operands.count).map { KernelCall.Argument.operand($0) }
    let isSplit = splits > 1
    let count = s.batch * s.m * s.n
    var product = KernelCall(
      kernel.function, file: kernel.file, prelude: isSplit ? "" : epilogueSource(operands),
      defines: kernel.defines.merging(transposes) { $1 },
      arguments: [
        .operand(0, "a"), .operand(1, "b"), isSplit ? .scratch(0) : .result(0, "c"), .int(s.m),
        .int(s.n), .int(s.k), .int(s.isRightShared ? 0 : 1), .int(s.batch), .int(run),
      ] + (isSplit ? [] : more),
      global: [groups[0] * kernel.group[0], groups[1] * kernel.group[1], s.batch * splits],
      local: kernel.group + [1])
    product.wantsManyRegisters = true
    if !isSplit { return Launches([product]) }
    let sum = KernelCall.items(
      "matmul_sum", file: "matmul_gpu.cl", prelude: epilogueSource(operands), count: count,
      arguments: [.scratch(0), .result(0, "c"), .int(count), .int(splits)] + more, on: traits)
    return Launches([product, sum], scratch: [4 * splits * count])
  }
}

extension Tensor {
  /// The product of this [..., M, K] and `other` [K, N] or [..., K, N]. A transposed operand has
  /// its last two axes exchanged in memory.
  public func matmul(
    _ other: Tensor, transposeSelf: Bool = false, transposeOther: Bool = false
  ) -> Tensor {
    MatMul(transposeA: transposeSelf, transposeB: transposeOther)(self, other)[0]
  }
}
