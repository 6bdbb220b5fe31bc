// Products on a CPU.

extension MatMul {
  /// The most tiles of A that a work-item packs itself.
  private static let ownTiles = 16

  /// What is packed and multiplied at one time: some panels of the right operand, some values of k.
  private struct Piece {
    var panels: Range<Int>
    var k: Range<Int>

    var arguments: [KernelCall.Argument] {
      [panels.lowerBound, panels.upperBound, k.lowerBound, k.upperBound].map { .int($0) }
    }
  }

  /// The CPU's algorithm: pack both operands, the left one in tiles and the right one in panels, then
  /// compute register tiles; a piece at a time where the right one is large.
  func panels(
    _ s: Sizes, _ plan: MatMulPlan.Panels, _ operands: [TensorType], _ traits: DeviceTraits
  ) -> Launches {
    let vector = traits.vectorWidth
    let width = plan.vectors * vector
    let defines = [
      "VECTOR": vector, "MR": plan.rows, "NV": plan.vectors, "DEPTH": plan.depth,
      "TRANSPOSE_A": transposeA ? 1 : 0, "TRANSPOSE_B": transposeB ? 1 : 0,
    ]
    let packedBatch = s.isRightShared ? 1 : s.batch
    let tiles = ceilDivide(s.m, plan.rows)
    let panelCount = ceilDivide(s.n, width)
    // Rows as they lie are read across panels, columns along K.
    func packing(
      _ side: String, from: KernelCall.Argument, to: Int, across: Bool, _ extent: Int,
      _ count: Int, _ batch: Int, _ piece: Piece
    )
      -> KernelCall
    {
      let (countRun, run) = across ? (16, 64) : (1, plan.depth)
      return KernelCall(
        "matmul_pack_" + side, file: "matmul_cpu.cl", defines: defines,
        arguments: [
          from, .scratch(to), .int(extent), .int(s.k), .int(countRun), .int(run),
        ] + piece.arguments,
        global: [ceilDivide(count, countRun), max(1, ceilDivide(piece.k.count, run)), batch],
        local: [1, 1, 1])
    }
    let pieces = pieces(s, plan, width: width, batch: packedBatch, limit: traits.packedBytes)
    let isCutInK = pieces[0].k.count < s.k
    let rightBytes = 4 * packedBatch * pieces[0].k.count * pieces[0].panels.count * width
    // With few panels a work-item packs its part of the left operand itself, which is then read once or a
    // few times; else that is packed for all.
    let isPacked = panelCount > 8 * plan.blockPanels
    let leftDepth = roundUp(pieces[0].k.count, toMultipleOf: vector)
    let leftBytes = isPacked ? [4 * s.batch * leftDepth * tiles * plan.rows] : []
    let sumBytes = isCutInK ? [4 * s.batch * tiles * plan.rows * panelCount * width] : []
    let sums = 1 + leftBytes.count
    var productDefines = defines
    productDefines["PACKED"] = isPacked ? 1 : 0
    productDefines["BLOCK_SIZE"] = plan.blockSize
    productDefines["OWN_TILES"] = Self.ownTiles
    if isCutInK { productDefines["PIECES_OF_K"] = 1 }
    func product(_ piece: Piece) -> KernelCall {
      let panelCount = piece.panels.count
      let blocks =
        isPacked
        ? sharedBlocks(tiles, panelCount, s.batch, plan, traits)
        : ownBlocks(tiles, panelCount, s.batch, rightBytes: rightBytes, plan, traits)
      let tileRows = ceilDivide(tiles, blocks.rows)
      let tilePanels = ceilDivide(panelCount, blocks.columns)
      let sizes = [s.m, s.n, s.k, tileRows, tilePanels, s.isRightShared ? 0 : 1]
      return KernelCall(
        "matmul_panels", file: "matmul_cpu.cl", prelude: epilogueSource(operands),
        defines: productDefines,
        arguments: [isPacked ? .scratch(1) : .operand(0, "a"), .scratch(0), .result(0, "c")]
          + sizes.map { .int($0) } + piece.arguments + (isCutInK ? [.scratch(sums)] : [])
          + (2..<operands.count).map { .operand($0) },
        global: [ceilDivide(panelCount, tilePanels), ceilDivide(tiles, tileRows), s.batch],
        local: [1, 1, 1])
    }
    let calls = pieces.enumerated().flatMap { index, piece in
      let right = packing(
        "right", from: .operand(1, "x"), to: 0, across: !transposeB, s.n, piece.panels.count,
        packedBatch, piece)
      let left = packing(
        "left", from: .operand(0, "a"), to: 1, across: transposeA, s.m, tiles, s.batch, piece)
      return [right] + (isPacked && (index == 0 || isCutInK) ? [left] : []) + [product(piece)]
    }
    return Launches(calls, scratch: [rightBytes] + leftBytes + sumBytes)
  }

  /// The pieces, all but the last of one size. A wide right operand is cut in panels, whose columns of C are
  /// then complete; a deep one in slices of K, since for each cut of N the left operand, as deep, would be packed again
  /// or lie packed in whole.
  private func pieces(
    _ s: Sizes, _ plan: MatMulPlan.Panels, width: Int, batch: Int, limit: Int
  ) -> [Piece] {
    let panels = ceilDivide(s.n, width)
    let count = ceilDivide(4 * batch * s.k * panels * width, limit)
    func cut(_ extent: Int, toMultipleOf unit: Int) -> [Range<Int>] {
      let step = roundUp(ceilDivide(extent, max(1, count)), toMultipleOf: unit)
      return stride(from: 0, to: extent, by: step).map { $0..<min(extent, $0 + step) }
    }
    if count <= 1 { return [Piece(panels: 0..<panels, k: 0..<s.k)] }
    return s.n >= s.k
      ? cut(panels, toMultipleOf: 1).map { Piece(panels: $0, k: 0..<s.k) }
      : cut(s.k, toMultipleOf: plan.depth).map { Piece(panels: 0..<panels, k: $0) }
  }

  /// How many blocks of tiles work-items take along the rows and the columns of C, of a left operand that is
  /// packed for all: few enough that what a work-item fetches is used often, enough to keep every core busy.
  /// Blocks are equal, because drivers hand out half at once.
  private func sharedBlocks(
    _ tiles: Int, _ panels: Int, _ batch: Int, _ plan: MatMulPlan.Panels, _ traits: DeviceTraits
  ) -> (rows: Int, columns: Int) {
    var columns = ceilDivide(panels, plan.blockPanels)
    var rows = ceilDivide(tiles, plan.blockTiles)
    while batch * rows * columns < traits.computeUnits * 4 {
      let (tall, wide) = (ceilDivide(tiles, rows), ceilDivide(panels, columns))
      // Tall blocks use a panel longest, so columns are divided first.
      if wide > 1, wide > 2 || tall <= 16 {
        columns = min(2 * columns, panels)
      } else if tall > 1 {
        rows = min(2 * rows, tiles)
      } else if wide > 1 {
        columns = panels
      } else {
        break
      }
    }
    return (rows, columns)
  }

  /// The same where work-items pack what they need of the left operand: every row of blocks reads all of the
  /// right operand, every column packs all of the left one again, and unequal blocks keep cores waiting.
  private func ownBlocks(
    _ tiles: Int, _ panels: Int, _ batch: Int, rightBytes: Int, _ plan: MatMulPlan.Panels,
    _ traits: DeviceTraits
  ) -> (rows: Int, columns: Int) {
    let wanted = min(ceilDivide(traits.computeUnits * 4, batch), tiles * panels)
    let fewest = ceilDivide(tiles, Self.ownTiles)
    // A row of a panel takes about as long as three updates of a tile, as six from memory; to pack one of a
    // tile of the left operand takes six.
    let fetch = rightBytes > 32 << 20 ? 6 : 3
    var best = (cost: Double.infinity, rows: tiles, columns: panels)
    for columns in 1...panels {
      let wide = ceilDivide(panels, columns)
      for rows in fewest...min(tiles, max(wanted, 2 * fewest)) where rows * columns >= wanted {
        let tall = ceilDivide(tiles, rows)
        if tall * wide > plan.blockSize { continue }
        // In updates of a tile by one value of k.
        let work = rows * tall * columns * wide
        let cost = Double(work + fetch * rows * panels + 6 * columns * tiles)
        if cost < best.cost { best = (cost, rows, columns) }
      }
    }
    return (best.rows, best.columns)
  }
}
