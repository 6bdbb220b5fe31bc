// Products of matrices.

/// C = op(A) op(B), with an optional formula applied to every element of C as it is stored.
///
/// Operands: A [..., M, K], B [K, N] or [..., K, N] (last two axes exchanged where transposed),
/// then the epilogue's. Result: [..., M, N].
public struct MatMul: Op, CustomStringConvertible {
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

  public var description: String {
    let flags = (transposeA ? "T" : "N") + (transposeB ? "T" : "N")
    return "MatMul \(flags)" + (epilogue.map { " then \($0.expression)" } ?? "")
  }

  /// The sizes of one product, and how many there are.
  private struct Sizes {
    let m: Int, n: Int, k: Int, batch: Int
    let isRightShared: Bool
    let resultShape: Shape
  }

  private func sizes(_ a: Shape, _ b: Shape) -> Sizes {
    func fail() -> Never {
      preconditionFailure(
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

  public func resultTypes(_ operands: [TensorType]) -> [TensorType] {
    [TensorType(sizes(operands[0].shape, operands[1].shape).resultShape)]
  }

  public func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?] {
    precondition(epilogue == nil, "gradients are taken before products and formulas are fused")
    let a = application.operands[0]
    let b = application.operands[1]
    guard let dc = resultGradients[0] else { return [nil, nil] }
    // C = A B: dA = dC B^T, dB = A^T dC; each transposed back where the operand is.
    let da =
      transposeA
      ? b.matmul(dc, transposeSelf: transposeB, transposeOther: true)
      : dc.matmul(b, transposeOther: !transposeB)
    if b.shape.rank == 2, a.shape.rank > 2 {
      precondition(!transposeA, "a transposed batch against one matrix has no gradient")
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

  public func flopCount(_ operands: [TensorType]) -> Double {
    let s = sizes(operands[0].shape, operands[1].shape)
    return 2 * Double(s.batch) * Double(s.m) * Double(s.n) * Double(s.k)
  }

  public func reference(_ operands: [TensorData]) -> [TensorData] {
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

  public func mayOverwrite(operand: Int, with result: Int) -> Bool {
    operand >= 2 && epilogue?.reads[operand - 1] == .full
  }

  public func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches {
    let s = sizes(operands[0].shape, operands[1].shape)
    if s.batch * s.m * s.n == 0 { return Launches([]) }
    return switch traits.plan(for: problem(s)) {
    case .panels(let plan): panels(s, plan, operands.count, traits)
    case .tiles(let plan): tiled(s, plan, operands.count, traits)
    }
  }

  private var epilogueSource: String {
    epilogue.map { ElementwiseSource($0.expression, $0.reads).epilogue } ?? ""
  }

  public func products(_ operands: [TensorType]) -> [MatMulProblem] {
    [problem(sizes(operands[0].shape, operands[1].shape))]
  }

  private func problem(_ s: Sizes) -> MatMulProblem {
    MatMulProblem(
      m: s.m, n: s.n, k: s.k, batch: s.batch, transposeA: transposeA, transposeB: transposeB)
  }

  /// The CPU's algorithm: pack the right operand in panels, then compute register tiles.
  private func panels(
    _ s: Sizes, _ plan: MatMulPlan.Panels, _ operandCount: Int, _ traits: DeviceTraits
  ) -> Launches {
    let vector = traits.vectorWidth
    let width = plan.vectors * vector
    let defines = [
      "VECTOR": vector, "MR": plan.rows, "NV": plan.vectors, "DEPTH": plan.depth,
      "BLOCK_TILES": plan.blockTiles, "BLOCK_PANELS": plan.blockPanels,
      "TRANSPOSE_A": transposeA ? 1 : 0,
    ]
    let packedBatch = s.isRightShared ? 1 : s.batch
    // Rows as they lie are read across panels, columns along K.
    let (panelRun, run) = transposeB ? (1, 256) : (16, 64)
    let packing = KernelCall(
      "matmul_pack", file: "matmul_cpu.cl",
      defines: ["VECTOR": vector, "NV": plan.vectors, "TRANSPOSE_B": transposeB ? 1 : 0],
      arguments: [
        .operand(1), .scratch(0), .int(s.n), .int(s.k), .int(panelRun), .int(run),
      ],
      global: [
        ceilDivide(ceilDivide(s.n, width), panelRun), max(1, ceilDivide(s.k, run)), packedBatch,
      ], local: [1, 1, 1])
    // A work-item takes a block of tiles: small enough to keep every core busy, large enough that
    // what it copies is used often. Blocks are equal, because drivers hand out half at once.
    let tiles = ceilDivide(s.m, plan.rows)
    let panelCount = ceilDivide(s.n, width)
    var columnBlocks = ceilDivide(panelCount, plan.blockPanels)
    var rowBlocks = ceilDivide(tiles, plan.blockTiles)
    while s.batch * rowBlocks * columnBlocks < traits.computeUnits * 8,
      rowBlocks < tiles || columnBlocks < panelCount
    {
      if columnBlocks * tiles <= rowBlocks * panelCount, columnBlocks < panelCount {
        columnBlocks = min(2 * columnBlocks, panelCount)
      } else if rowBlocks < tiles {
        rowBlocks = min(2 * rowBlocks, tiles)
      } else {
        columnBlocks = panelCount
      }
    }
    let tileRows = ceilDivide(tiles, rowBlocks)
    let tilePanels = ceilDivide(panelCount, columnBlocks)
    let product = KernelCall(
      "matmul_panels", file: "matmul_cpu.cl", prelude: epilogueSource, defines: defines,
      arguments: [
        .operand(0), .scratch(0), .result(0), .int(s.m), .int(s.n), .int(s.k), .int(tileRows),
        .int(tilePanels), .int(s.isRightShared ? 0 : 1),
      ] + (2..<operandCount).map { .operand($0) },
      global: [ceilDivide(tiles, tileRows), ceilDivide(panelCount, tilePanels), s.batch],
      local: [1, 1, 1])
    return Launches([packing, product], scratch: [4 * packedBatch * panelCount * s.k * width])
  }

  /// The GPU's algorithm: tiles through local memory. A product with few tiles and a long K is
  /// split along K; the parts are added in their order.
  private func tiled(
    _ s: Sizes, _ plan: MatMulPlan.Tiles, _ operandCount: Int, _ traits: DeviceTraits
  ) -> Launches {
    let groups = [ceilDivide(s.n, plan.columns), ceilDivide(s.m, plan.rows)]
    let wanted = 2 * traits.computeUnits / max(1, groups[0] * groups[1] * s.batch)
    let most = max(1, min(wanted, 16, s.k / (8 * plan.depth)))
    let run = max(plan.depth, roundUp(ceilDivide(s.k, most), toMultipleOf: plan.depth))
    let splits = max(1, ceilDivide(s.k, run))
    let rowLengths = [transposeA ? s.m : s.k, transposeB ? s.k : s.n]
    let defines = [
      "TRANSPOSE_A": transposeA ? 1 : 0, "TRANSPOSE_B": transposeB ? 1 : 0,
      "TILE_M": plan.rows, "TILE_N": plan.columns, "DEPTH": plan.depth,
      "ITEM_M": plan.itemRows, "ITEM_N": plan.itemColumns,
      "ALIGNED": rowLengths.allSatisfy { $0 % 4 == 0 } ? 1 : 0,
    ]
    let more = (2..<operandCount).map { KernelCall.Argument.operand($0) }
    let isSplit = splits > 1
    let count = s.batch * s.m * s.n
    let product = KernelCall(
      "matmul_tiled", file: "matmul_gpu.cl", prelude: isSplit ? "" : epilogueSource,
      defines: defines,
      arguments: [
        .operand(0), .operand(1), isSplit ? .scratch(0) : .result(0), .int(s.m), .int(s.n),
        .int(s.k), .int(s.isRightShared ? 0 : 1), .int(s.batch), .int(run),
      ] + (isSplit ? [] : more),
      global: [groups[0] * plan.group.columns, groups[1] * plan.group.rows, s.batch * splits],
      local: [plan.group.columns, plan.group.rows, 1])
    if !isSplit { return Launches([product]) }
    let sum = KernelCall(
      "matmul_sum", file: "matmul_gpu.cl", prelude: epilogueSource,
      arguments: [.scratch(0), .result(0), .int(count), .int(splits)] + more,
      global: [roundUp(count, toMultipleOf: 64)], local: [64])
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
