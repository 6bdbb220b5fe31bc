// Kernels over a head's logits, some rows at a time, so that the logits are never all there.
import Base

/// The launches of an op that needs the logits of rows, and the scratch memory that they share.
struct HeadChunks {
  /// The logits of a chunk take about this many bytes ...
  private static let chunkBytes = 32 << 20
  /// ... but products want this many rows, of which a small device has fewer.
  private static let leastRows = 512
  private static let leastRowsOfSmallDevice = 128
  private static let smallDeviceBytes = 4 << 30

  /// The rows of a chunk of `rowCount` in all.
  static func size(_ rowCount: Int, classCount: Int, memoryBytes: Int = .max) -> Int {
    let least = memoryBytes < smallDeviceBytes ? leastRowsOfSmallDevice : leastRows
    let wanted = chunkBytes / max(4 * classCount, 1) / least * least
    return min(rowCount, max(wanted, least))
  }

  let rowCount: Int
  /// Rows of a chunk; the last has the rest.
  let size: Int
  private let traits: DeviceTraits
  var calls: [KernelCall] = []
  private var scratch: [Int] = []
  /// Where the scratch memory begins that products use one after another: beyond what is reserved.
  private var firstOfProducts: Int?

  init(rowCount: Int, classCount: Int, on traits: DeviceTraits) {
    self.rowCount = rowCount
    self.traits = traits
    size = Self.size(rowCount, classCount: classCount, memoryBytes: traits.memoryBytes)
  }

  var launches: Launches { Launches(calls, scratch: scratch) }

  /// Scratch memory for all chunks; asked for before the first product.
  mutating func reserve(_ byteCount: Int) -> KernelCall.Argument {
    demand(firstOfProducts == nil, "scratch memory is reserved before products are")
    scratch.append(byteCount)
    return .scratch(scratch.count - 1)
  }

  /// Where a chunk's rows of an operand or a result lie: there, or copied, since products know only whole buffers.
  mutating func rows(of argument: KernelCall.Argument, _ type: TensorType) -> KernelCall.Argument {
    if size == rowCount { return argument }
    let place = reserve(TensorType([size, type.shape.columnCount], type.elementType).byteCount)
    return type.elementType.isNarrow ? .stored(place, as: type.elementType) : place
  }

  /// Adds what `body` does for each chunk, of which it gets the first row and the number of rows.
  mutating func each(_ body: (inout HeadChunks, _ first: Int, _ count: Int) -> Void) {
    for first in stride(from: 0, to: rowCount, by: max(1, size)) {
      body(&self, first, min(size, rowCount - first))
    }
  }

  /// Copies `count` rows to or from where a chunk's rows lie, if that is elsewhere.
  mutating func copy(
    _ source: KernelCall.Argument, _ from: Int, _ target: KernelCall.Argument, _ to: Int,
    _ count: Int, _ columns: Int
  ) {
    if size == rowCount { return }
    calls.append(.copyRows(source, from, target, to, count, columns, on: traits))
  }

  mutating func product(
    _ op: MatMul, _ types: [TensorType], _ from: [KernelCall.Argument], _ to: KernelCall.Argument
  ) {
    let first = firstOfProducts ?? scratch.count
    firstOfProducts = first
    let part = op.launches(types, on: traits)
    for (index, bytes) in part.scratch.enumerated() {
      if scratch.count <= first + index { scratch.append(0) }
      scratch[first + index] = max(scratch[first + index], bytes)
    }
    calls += part.calls.map { $0.binding(operands: from, results: [to], firstScratch: first) }
  }

  /// The logits of a chunk: hidden states [rows, C] by a head's weight [V, C], with its cap if there is one.
  mutating func logits(
    _ types: [TensorType], _ from: [KernelCall.Argument], _ cap: Float?,
    to logits: KernelCall.Argument
  ) {
    product(MatMul(transposeA: false, transposeB: true), types, from, logits)
    guard let cap else { return }
    let count = types[0].shape[0] * types[1].shape[0]
    calls.append(
      .items(
        "linear_loss_cap", file: "linearloss.cl", count: min(ceilDivide(count, 1024), 1 << 14),
        defines: traits.rowDefines.merging(["CAPPED": 1]) { $1 },
        arguments: [logits, .int(count), .float(cap)], on: traits))
  }
}
