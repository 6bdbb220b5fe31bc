// Rows of a table, and the ordered sums of their gradients.
import Checks
import Testing

@testable import Tensors

@Suite struct GatherTests {
  /// (rows of the table, columns, ids)
  static let sizes = [(1, 1, 1), (6, 5, 9), (257, 64, 300), (40, 33, 1000), (500, 16, 20)]

  static let cases: [OpCase] = {
    var random = RandomData(seed: 61)
    return sizes.flatMap { rows, columns, count -> [OpCase] in
      let ids = random.integers([count], below: rows)
      return [
        OpCase(Gather(), [random.floats([rows, columns]), ids]),
        OpCase(GatherGradient(rowCount: rows), [ids, random.floats([count, columns])]),
      ]
    }
  }()

  @Test func agreesWithPyTorch() throws {
    #expect(try goldenError("gather", ["table", "ids"]) { $0[0].gathered($0[1]) } < 1e-5)
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    for item in Self.cases where item.op is Gather && item.data[0].type.elementCount < 2000 {
      #expect(try gradientError(item) < 1e-3, "\(item)")
    }
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    let failures = try narrowKernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func gradientHasTheSameBitsEveryTime(target: Target) throws {
    let device = try target.open()
    let item = Self.cases[7]
    let feeds = inputs(item.data)
    let results = Application(item.op, feeds.map(\.tensor)).results
    let first = try evaluate(results, feeds, on: device)
    for _ in 0..<3 { #expect(try evaluate(results, feeds, on: device) == first) }
  }

  /// Ids that are no row of the table, among others.
  static let strange: [OpCase] = {
    var random = RandomData(seed: 62)
    let ids = TensorData([6], [2, -1, 5, 4, Int32.max, Int32.min])
    return [3, 16].flatMap { columns in
      [
        OpCase(Gather(), [random.floats([5, columns]), ids]),
        OpCase(GatherGradient(rowCount: 5), [ids, random.floats([6, columns])]),
      ]
    }
  }()

  @Test func anIdBeyondTheTableGivesNoNumber() {
    let y = Self.strange[0].op.reference(Self.strange[0].data)[0].floats
    #expect(y.map(\.isNaN) == (0..<18).map { ![0, 3].contains($0 / 3) })
    let dtable = Self.strange[1].op.reference(Self.strange[1].data)[0].floats
    #expect(dtable.enumerated().allSatisfy { ($1 != 0) == [2, 4].contains($0 / 3) })
  }

  @Test(arguments: Target.all) func kernelsMatchForIdsBeyondTheTable(target: Target) throws {
    let failures = try strangeIdFailures(Self.strange, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
