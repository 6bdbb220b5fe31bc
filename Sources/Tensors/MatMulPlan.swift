// How products are cut into pieces.
import Base

/// The sizes of a product: `batch` times op(A) [m, k] times op(B) [k, n].
package struct MatMulProblem: Sendable, Hashable, Codable, CustomStringConvertible {
  package let m: Int
  package let n: Int
  package let k: Int
  package let batch: Int
  package let transposeA: Bool
  package let transposeB: Bool

  package init(m: Int, n: Int, k: Int, batch: Int = 1, transposeA: Bool, transposeB: Bool) {
    (self.m, self.n, self.k, self.batch) = (m, n, k, batch)
    (self.transposeA, self.transposeB) = (transposeA, transposeB)
  }

  package var flopCount: Double { 2 * Double(batch) * Double(m) * Double(n) * Double(k) }

  package var description: String {
    (batch == 1 ? "" : "\(batch) x ") + "[\(m), \(k)] x [\(k), \(n)] "
      + (transposeA ? "T" : "N") + (transposeB ? "T" : "N")
  }

  /// How far another problem is, as a sum of ratios' logarithms; nil where the layout differs.
  func distance(to other: MatMulProblem) -> Double? {
    guard (transposeA, transposeB) == (other.transposeA, other.transposeB) else { return nil }
    func ratio(_ a: Int, _ b: Int) -> Double {
      abs(Double(max(a, 1).bitWidthLog) - Double(max(b, 1).bitWidthLog))
    }
    return ratio(m, other.m) + ratio(n, other.n) + ratio(k, other.k)
  }
}

extension Int {
  /// The logarithm to base 2, with a linear piece between powers of two.
  fileprivate var bitWidthLog: Double {
    let whole = Int.bitWidth - 1 - leadingZeroBitCount
    return Double(whole) + Double(self - (1 << whole)) / Double(1 << whole)
  }
}

/// The pieces that a product's kernel works in.
package enum MatMulPlan: Sendable, Hashable, Codable {
  case panels(Panels)
  case tiles(Tiles)

  /// The CPU family: a register tile of `rows` x `vectors` vectors, over slices of `depth` values of
  /// k, in blocks of at most `blockTiles` x `blockPanels` tiles per work-item.
  package struct Panels: Sendable, Hashable, Codable {
    package var rows: Int
    package var vectors: Int
    package var depth: Int
    package var blockTiles: Int
    package var blockPanels: Int

    package init(
      rows: Int, vectors: Int, depth: Int = 384, blockTiles: Int = 48, blockPanels: Int = 4
    ) {
      (self.rows, self.vectors, self.depth) = (rows, vectors, depth)
      (self.blockTiles, self.blockPanels) = (blockTiles, blockPanels)
    }

    /// Tiles of a block, whose partial sums stay in the second cache.
    var blockSize: Int { blockTiles * blockPanels }
  }

  /// The GPU family: a work-group's tile of `rows` x `columns` from `depth` values of k at a time in
  /// local memory, of which each work-item has `itemRows` x `itemColumns` (multiples of 4).
  package struct Tiles: Sendable, Hashable, Codable {
    package var rows: Int
    package var columns: Int
    package var depth: Int
    package var itemRows: Int
    package var itemColumns: Int

    package init(_ rows: Int, _ columns: Int, depth: Int, items itemRows: Int, _ itemColumns: Int) {
      (self.rows, self.columns, self.depth) = (rows, columns, depth)
      (self.itemRows, self.itemColumns) = (itemRows, itemColumns)
    }

    /// The size of a work-group.
    var group: (columns: Int, rows: Int) { (columns / itemColumns, rows / itemRows) }
    var localBytes: Int { 4 * depth * (rows + columns + 8) }
  }

  /// Whether the kernel compiles for it and the device can hold it.
  func fits(_ traits: DeviceTraits) -> Bool {
    switch (self, traits.family) {
    case (.panels(let p), .cpu):
      return p.rows >= 2 && p.rows % 2 == 0 && p.rows <= 16 && p.vectors >= 1 && p.vectors <= 4
        && p.depth % max(64, traits.vectorWidth) == 0 && p.depth > 0 && p.blockTiles > 0
        && p.blockPanels > 0 && (8 * p.blockPanels...512).contains(p.blockSize)
    case (.tiles(let t), .gpu):
      let sizes = [t.rows, t.columns, t.itemRows, t.itemColumns, t.depth]
      guard sizes.allSatisfy({ $0 >= 4 && $0 % 4 == 0 }), t.rows % t.itemRows == 0,
        t.columns % t.itemColumns == 0
      else { return false }
      let items = t.group.columns * t.group.rows
      return items <= traits.maximumWorkGroupSize && t.localBytes <= traits.localMemoryBytes
        && t.itemRows * t.itemColumns <= 128 && t.rows * t.depth % (4 * items) == 0
        && t.columns * t.depth % (4 * items) == 0
    default: return false
    }
  }

  /// Plans that differ in one number by one step.
  package var neighbours: [MatMulPlan] {
    switch self {
    case .panels(let p):
      let changes: [(inout Panels) -> Void] = [
        { $0.rows += 2 }, { $0.rows -= 2 }, { $0.vectors += 1 }, { $0.vectors -= 1 },
        { $0.depth += 128 }, { $0.depth -= 128 }, { $0.blockTiles *= 2 }, { $0.blockTiles /= 2 },
        { $0.blockPanels *= 2 }, { $0.blockPanels /= 2 },
      ]
      return changes.map { change in
        var next = p
        change(&next)
        return .panels(next)
      }
    case .tiles(let t):
      let changes: [(inout Tiles) -> Void] = [
        { $0.rows *= 2 }, { $0.rows /= 2 }, { $0.columns *= 2 }, { $0.columns /= 2 },
        { $0.depth *= 2 }, { $0.depth /= 2 }, { $0.itemRows *= 2 }, { $0.itemRows /= 2 },
        { $0.itemColumns *= 2 }, { $0.itemColumns /= 2 },
      ]
      return changes.map { change in
        var next = t
        change(&next)
        return .tiles(next)
      }
    }
  }
}

/// What was found out about products on a device.
package struct Tuning: Sendable, Hashable {
  package var products: [MatMulProblem: MatMulPlan]

  package init(_ products: [MatMulProblem: MatMulPlan] = [:]) { self.products = products }

  /// The plan of this problem, or of the nearest one within a factor of 4 in all.
  func plan(for problem: MatMulProblem) -> MatMulPlan? {
    if let exact = products[problem] { return exact }
    let near = products.compactMap { known, plan in
      problem.distance(to: known).map { (distance: $0, known: "\(known)", plan: plan) }
    }
    // Equal distances are decided by name, so that every process picks the same.
    let best = near.min { ($0.distance, $0.known) < ($1.distance, $1.known) }
    return best.flatMap { $0.distance <= 2 ? $0.plan : nil }
  }
}

extension DeviceTraits {
  /// Whether a plan's kernel compiles and the device can hold it.
  package func allows(_ plan: MatMulPlan) -> Bool { plan.fits(self) }

  /// Plans that are worth a try on devices like this one, the likeliest first.
  package var matMulCandidates: [MatMulPlan] {
    let ranked: [MatMulPlan] =
      switch family {
      case .cpu:
        vectorWidth >= 16
          ? [
            // 24 accumulators of 32 registers, and their like.
            .panels(.init(rows: 12, vectors: 2)), .panels(.init(rows: 14, vectors: 2)),
            .panels(.init(rows: 8, vectors: 3)),
            .panels(.init(rows: 12, vectors: 2, depth: 512, blockTiles: 40)),
            .panels(.init(rows: 12, vectors: 2, depth: 256)),
            .panels(.init(rows: 12, vectors: 2, depth: 256, blockTiles: 16, blockPanels: 8)),
          ]
          : [
            // 12 accumulators of 16 registers.
            .panels(.init(rows: 6, vectors: 2, depth: 256)),
            .panels(.init(rows: 4, vectors: 3, depth: 256)),
            .panels(.init(rows: 4, vectors: 2, depth: 256, blockTiles: 16)),
          ]
      case .gpu:
        [
          .tiles(.init(64, 64, depth: 16, items: 4, 4)),
          .tiles(.init(128, 128, depth: 16, items: 8, 8)),
          .tiles(.init(128, 64, depth: 16, items: 8, 4)),
          .tiles(.init(64, 64, depth: 32, items: 4, 8)),
          .tiles(.init(128, 128, depth: 8, items: 8, 8)),
          .tiles(.init(32, 32, depth: 16, items: 4, 4)),
        ]
      }
    return ranked.filter { $0.fits(self) }
  }

  /// The plan of a product: what tuning found, or the likeliest.
  func plan(for problem: MatMulProblem) -> MatMulPlan {
    if let tuned = tuning.plan(for: problem), tuned.fits(self) { return tuned }
    let candidates = matMulCandidates
    guard let first = candidates.first else {
      fatal("no product's kernel fits a device with \(self)")
    }
    guard family == .gpu else { return first }
    // Large tiles are quicker where there are enough of them for every unit.
    let best = candidates.first { plan in
      guard case .tiles(let t) = plan, t.rows * t.columns > 64 * 64 else { return false }
      return ceilDivide(problem.m, t.rows) * ceilDivide(problem.n, t.columns) * problem.batch
        >= 2 * computeUnits
    }
    return best ?? first
  }
}
