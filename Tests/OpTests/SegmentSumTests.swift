// Sums over parts of rows, and their gradients.
import Checks
import Testing

@testable import Tensors

@Suite struct SegmentSumTests {
  /// Rows with segments in order, of one to five columns, and some columns in none.
  private static func segments(_ rows: Int, _ columns: Int, _ random: inout RandomData)
    -> TensorData
  {
    let draws = random.integers([rows, columns], below: 5).integers
    let numbers = (0..<rows).flatMap { row -> [Int32] in
      var now: Int32 = 0
      return (0..<columns).map { column in
        let draw = draws[row * columns + column]
        if draw > 2 { now += 1 }
        return draw == 1 ? -1 : min(now, Int32(columns - 1))
      }
    }
    return TensorData([rows, columns], numbers)
  }

  static let cases: [OpCase] = {
    var random = RandomData(seed: 71)
    return [(1, 1), (3, 7), (8, 64), (5, 300), (70, 33)].flatMap { rows, columns -> [OpCase] in
      let segments = segments(rows, columns, &random)
      let x = random.floats([rows, columns])
      return [OpCase(SegmentSum(), [x, segments]), OpCase(SegmentSumGradient(), [x, segments])]
    }
  }()

  @Test func sumsAreThoseOfTheSegments() throws {
    let x = TensorData([2, 4], [Float]([1, 2, 4, 8, 16, 32, 64, 128]))
    let segments = TensorData([2, 4], [Int32]([0, 0, -1, 1, 0, 1, 2, 9]))
    #expect(SegmentSum().reference([x, segments])[0].floats == [3, 8, 0, 0, 16, 32, 64, 0])
    #expect(
      SegmentSumGradient().reference([x, segments])[0].floats == [1, 1, 0, 2, 16, 32, 64, 0])
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases where item.op is SegmentSum && item.data[0].type.elementCount < 1000 {
      #expect(try gradientError(item) < 1e-3, "\(item)")
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
