// How a GPU's attention is cut into pieces.

/// The blocks of the GPU's kernels: rows that a work-group owns, rows of the other side in local memory
/// at a time, and the lanes of a group, which multiply and add or feed matrix units.
struct AttentionTiles {
  private let rows: Int
  private let columns: Int
  private let group: Int
  private let defines: [String: Int]

  /// `laneRows` lanes share the rows, 8 the columns.
  private init(rows: Int, columns: Int, laneRows: Int) {
    (self.rows, self.columns) = (rows, columns)
    group = laneRows * Self.lanesAcross
    defines = ["GROUP_Y": laneRows]
  }

  /// Lanes that act as one have some rows.
  private init(rows: Int, _ unit: MatrixUnit, _ type: ElementType) {
    (self.rows, columns) = (rows, 32)
    group = rows / unit.kind.attentionRows * unit.kind.lanes
    defines = unit.defines(type).merging(["UNITS": 1]) { $1 }
  }

  private static let lanesAcross = 8

  /// Bytes of some tiles of whole rows of d elements, and of `scores` blocks of scores.
  private func laneBytes(_ d: Int, tiles: Int, scores: Int) -> Int {
    4
      * (tiles * (roundUp(d, toMultipleOf: 4 * Self.lanesAcross) + 4) + scores * rows
        * (columns + 1))
  }

  /// Bytes of some rows of d elements and some of a block's weights, of 16 bits, and of `more` numbers.
  private func unitBytes(_ d: Int, tiles: Int, weights: Int, more: Int, _ unit: MatrixUnit) -> Int {
    2 * (tiles * roundUp(d, toMultipleOf: 32) + weights * rows * columns) + 4 * more
      + unit.shownBytes(lanes: group)
  }

  /// The first that a device can hold, matrix units first where operands are of their types.
  private static func first(
    _ lanes: [(Int, Int, Int)], _ d: Int, _ types: [ElementType], _ traits: DeviceTraits,
    laneBytes: (Self) -> Int, unitBytes: (Self, MatrixUnit) -> Int
  ) -> Self? {
    if let unit = traits.matrixUnit, unit.takes(types), d % 8 == 0 {
      let fits = [64, 32, 16].lazy.map { Self(rows: $0, unit, types[0]) }.first {
        $0.group <= traits.maximumWorkGroupSize && unitBytes($0, unit) <= traits.localMemoryBytes
      }
      if let fits { return fits }
    }
    return lanes.lazy.map { Self(rows: $0.0, columns: $0.1, laneRows: $0.2) }.first {
      $0.group <= traits.maximumWorkGroupSize && laneBytes($0) <= traits.localMemoryBytes
    }
  }

  /// For operands q, k and v of these types; nil where no block fits the device's local memory.
  static func forward(_ d: Int, _ types: [ElementType], _ traits: DeviceTraits) -> Self? {
    first(
      [(64, 32, 16), (64, 16, 16), (32, 16, 8), (16, 8, 4), (8, 8, 1)], d, types, traits,
      laneBytes: { $0.laneBytes(d, tiles: $0.rows + $0.columns, scores: 1) + 12 * $0.rows },
      unitBytes: {
        $0.unitBytes(
          d, tiles: $0.rows + 2 * $0.columns, weights: 1, more: $0.rows * ($0.columns + 4), $1)
      })
  }

  /// For operands q, k, v and dout of these types; nil as above.
  static func backward(_ d: Int, _ types: [ElementType], _ traits: DeviceTraits) -> Self? {
    first(
      [(32, 32, 16), (16, 16, 8), (8, 8, 8), (8, 8, 1)], d, types, traits,
      laneBytes: { $0.laneBytes(d, tiles: 2 * ($0.rows + $0.columns), scores: 2) },
      unitBytes: {
        $0.unitBytes(d, tiles: 2 * $0.rows + 4 * $0.columns, weights: 2, more: 0, $1)
      })
  }

  func call(
    _ function: String, _ defines: [String: Int], _ arguments: [KernelCall.Argument],
    rowCount: Int, heads: Int
  ) -> KernelCall {
    let kernels = ["attention_rows", "attention_rows_gradient", "attention_columns_gradient"]
    var all = defines.merging(self.defines) { $1 }
    all["ROWS"] = rows
    all["COLUMNS"] = columns
    all["ONLY"] = 1 + (kernels.firstIndex(of: function) ?? -1)
    var call = KernelCall(
      function, file: "attention_gpu.cl", defines: all, arguments: arguments,
      global: [ceilDivide(rowCount, rows) * group, heads], local: [group, 1])
    call.wantsManyRegisters = true
    return call
  }
}
