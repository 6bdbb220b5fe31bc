// Eight bits for numbers of -1 to 1 whose size differs by many powers of ten.

/// The dynamic tree data type (Dettmers, arXiv 1511.04561; as bitsandbytes' `create_dynamic_map` builds it): seven decades with as many points
/// each as their bits allow. Codes count from the smallest number to the largest.
package enum DynamicMap {
  /// -0.993 to 1.
  package static let signed = map(isSigned: true)
  /// 0 to 1, with twice as many points.
  package static let unsigned = map(isSigned: false)

  private static let scales: [Float] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1]

  private static func map(isSigned: Bool) -> [Float] {
    var numbers: [Float] = [0, 1]
    for decade in 0..<7 {
      let count = (1 << (isSigned ? decade : decade + 1)) + 1
      // Points of a line, counted from the nearer end, and the middles between them.
      let step = (Float(1) - 0.1) / Float(count - 1)
      let points = (0..<count).map { index in
        index < count / 2
          ? Float(0.1).addingProduct(step, Float(index))
          : Float(1).addingProduct(-step, Float(count - 1 - index))
      }
      for (low, high) in zip(points, points.dropFirst()) {
        let middle = (low + high) / 2 * scales[decade]
        numbers += isSigned ? [middle, -middle] : [middle]
      }
    }
    return numbers.sorted()
  }

  /// Where the codes of a map change: the middles between neighbours.
  package static func borders(_ map: [Float]) -> [Float] {
    zip(map, map.dropFirst()).map { ($0 + $1) / 2 }
  }

  /// The code of the nearest number of a map with these borders.
  package static func code(_ number: Float, borders: [Float]) -> UInt8 {
    var (low, high) = (0, borders.count)
    while low < high {
      let middle = (low + high) / 2
      if number > borders[middle] { low = middle + 1 } else { high = middle }
    }
    return UInt8(low)
  }
}
