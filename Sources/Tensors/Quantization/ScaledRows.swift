// Eight bits a number, and a scale for each row.

/// A row is its scale, float32, then its numbers as whole ones of -127 to 127.
enum ScaledRows {
  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ shape: Shape,
    into numbers: UnsafeMutableBufferPointer<Float>
  ) {
    let columns = shape.columnCount
    for row in 0..<shape.rowCount {
      let start = row * (4 + columns)
      let scale = bytes.loadUnaligned(fromByteOffset: start, as: Float.self)
      for column in 0..<columns {
        numbers[row * columns + column] =
          Float(Int8(bitPattern: bytes[start + 4 + column])) * scale
      }
    }
  }

  static func encode(
    _ numbers: UnsafeBufferPointer<Float>, _ shape: Shape,
    into bytes: UnsafeMutableRawBufferPointer
  ) {
    let columns = shape.columnCount
    for row in 0..<shape.rowCount {
      let own = UnsafeBufferPointer(rebasing: numbers[row * columns..<(row + 1) * columns])
      let scale = own.reduce(Float(0)) { max($0, $1.magnitude) } / 127
      let inverse = Blocks.inverse(scale)
      let start = row * (4 + columns)
      bytes.storeBytes(of: scale, toByteOffset: start, as: Float.self)
      for column in 0..<columns {
        let whole = min(127, max(-127, (own[column] * inverse).rounded()))
        bytes[start + 4 + column] = UInt8(bitPattern: Int8(whole))
      }
    }
  }
}
