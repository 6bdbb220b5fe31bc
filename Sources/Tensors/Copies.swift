// Copies between buffers.

extension KernelCall {
  /// A copy of whole words from operand 0 to result 0.
  package static func copy(_ byteCount: Int, on traits: DeviceTraits) -> KernelCall {
    copy(
      "copy_words", [.operand(0), .result(0), .int(byteCount / 4)], of: byteCount / 4, on: traits)
  }

  /// A copy of `rows` rows of `columns` numbers, from a row of one argument on to a row of another.
  static func copyRows(
    _ source: Argument, _ from: Int, _ target: Argument, _ to: Int, _ rows: Int, _ columns: Int,
    on traits: DeviceTraits
  ) -> KernelCall {
    copy(
      "copy_rows",
      [
        .named(source, "source"), .named(target, "target"), .int(from), .int(to), .int(rows),
        .int(columns),
      ],
      of: rows * columns, on: traits)
  }

  /// A kernel that copies `count` elements, each work-item its share.
  private static func copy(
    _ function: String, _ arguments: [Argument], of count: Int, on traits: DeviceTraits
  ) -> KernelCall {
    let items = traits.family == .cpu ? traits.computeUnits * 4 : count
    return .items(function, file: "copy.cl", count: items, arguments: arguments, on: traits)
  }
}
