// How products are cut into pieces for matrix units.
import Base

/// A work-group's tile of `rows` x `columns` of a product on matrix units, from `depth` values of k at a time in local
/// memory; lanes that act as one have a block of it.
struct UnitTiles: Sendable, Hashable {
  let rows: Int
  let columns: Int
  let depth = 32
  private let block: MatrixBlock
  /// How many tiles of each operand are in local memory.
  let stages: Int
  /// Whether they are copied there as they lie, without passing through registers.
  let isDirect: Bool

  init(_ rows: Int, _ columns: Int, block: MatrixBlock, directStages: Int? = nil) {
    (self.rows, self.columns) = (rows, columns)
    self.block = block
    (stages, isDirect) = (directStages ?? 2, directStages != nil)
  }

  /// Work-items of a group.
  func lanes(_ unit: MatrixUnit) -> Int {
    rows / block.rows * (columns / block.columns) * unit.kind.lanes
  }

  func fits(_ unit: MatrixUnit, _ traits: DeviceTraits) -> Bool {
    let (lanes, bytesPerNumber) = (lanes(unit), 2)
    return lanes <= traits.maximumWorkGroupSize
      && bytesPerNumber * stages * depth * (rows + columns) + unit.shownBytes(lanes: lanes)
        <= traits.localMemoryBytes
  }

  func defines(isAligned: Bool) -> [String: Int] {
    [
      "TILE_M": rows, "TILE_N": columns, "BLOCK_M": block.rows, "BLOCK_N": block.columns,
      "DEPTH": depth, "ALIGNED": isAligned ? 1 : 0,
    ].merging(isDirect ? ["DIRECT": 1, "STAGES": stages] : [:]) { $1 }
  }
}

extension MatrixUnit {
  /// The tiles of a product of `batch` times m x n. Large ones are quicker where there are enough of them for every
  /// unit of the device. `isAligned` tells whether stored rows of both operands are whole vectors of eight, `isPlain`
  /// whether both lie as units take them.
  func tiles(
    m: Int, n: Int, batch: Int, isAligned: Bool, isPlain: Bool = true, on traits: DeviceTraits
  ) -> UnitTiles {
    func count(_ tiles: UnitTiles) -> Int {
      batch * ceilDivide(m, tiles.rows) * ceilDivide(n, tiles.columns)
    }
    let ranked: [(tiles: UnitTiles, groupsPerUnit: Int)]
    if kind.copiesDirectly, isAligned, isPlain {
      ranked = [
        (UnitTiles(128, 128, block: .init(64, 64), directStages: 3), 1),
        (UnitTiles(128, 64, block: .init(64, 32), directStages: 4), 1),
        (UnitTiles(64, 64, block: .init(32, 32), directStages: 4), 0),
        (UnitTiles(64, 64, block: .init(32, 32), directStages: 2), 0),
      ]
    } else {
      ranked = [
        (UnitTiles(128, 128, block: kind.block(isLarge: true, isAligned: isAligned)), 2)
      ]
    }
    return ranked.first {
      $0.tiles.fits(self, traits) && count($0.tiles) >= $0.groupsPerUnit * traits.computeUnits
    }?.tiles ?? UnitTiles(64, 64, block: kind.block(isLarge: false, isAligned: isAligned))
  }
}
