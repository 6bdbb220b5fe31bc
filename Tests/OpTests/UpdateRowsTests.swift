// Rows replaced by others.
import Checks
import Testing

@testable import Tensors

@Suite struct UpdateRowsTests {
  static let cases: [OpCase] = {
    var random = RandomData(seed: 71)
    let sizes: [(Int, Int, Int, Int, [Int32])] = [
      (1, 1, 1, 1, [0]), (2, 5, 1, 7, [4, 0]), (3, 9, 4, 33, [5, 2, 7]), (2, 40, 40, 16, [0, 0]),
    ]
    let whole = sizes.map { b, rows, count, columns, starts in
      OpCase(
        UpdateRows(),
        [
          random.floats([b, rows, columns]), random.floats([b, count, columns]),
          TensorData([b], starts),
        ])
    }
    // Batches that go elsewhere: of S batches some are named, one twice, and one begins before its rows do.
    let referred: [(Int, Int, Int, Int, [Int32])] = [
      (1, 5, 1, 7, [4, 2]), (3, 9, 4, 33, [5, 3, 0, 0, 7, 2]),
      (4, 6, 3, 16, [1, 1, 4, 1, -1, 0, 2, 3]),
    ]
    return whole
      + referred.map { b, rows, count, columns, starts in
        OpCase(
          UpdateRows(),
          [
            random.floats([4, rows, columns]), random.floats([b, count, columns]),
            TensorData([b, 2], starts),
          ])
      }
  }()

  @Test func newRowsGoWhereTheyAreSent() {
    let kept = TensorData([3, 2, 1], [1, 2, 3, 4, 5, 6] as [Float])
    let fresh = TensorData([2, 1, 1], [9, 8] as [Float])
    let y = UpdateRows().reference([kept, fresh, TensorData([2, 2], [1, 2, 0, 0] as [Int32])])[0]
    #expect(y.floats == [8, 2, 3, 4, 5, 9])
  }

  @Test func onlyTheNewRowsChange() {
    let kept = TensorData([1, 3, 2], [1, 2, 3, 4, 5, 6] as [Float])
    let fresh = TensorData([1, 1, 2], [9, 8] as [Float])
    let y = UpdateRows().reference([kept, fresh, TensorData([1], [Int32(1)])])[0]
    #expect(y.floats == [1, 2, 9, 8, 5, 6])
  }

  /// A cache that a graph reads and assigns to in one run is changed where it lies.
  static func cacheFailures(on device: any Device) throws -> [String] {
    let store = VariableStore(on: device, seed: 1)
    let cache = Tensor.variable([2, 4, 3], .zeros)
    try store.declare("cache", cache)
    let fresh = Tensor.input("fresh", TensorType([2, 1, 3]))
    let starts = Tensor.input("starts", TensorType([2], .int32))
    let updated = cache.updatingRows(fresh, from: starts)
    let total = updated.sum()
    let executor = try GraphExecutor(
      Graph(outputs: [total], assignments: [.init(cache, updated)]), on: store)
    for step in 0..<3 {
      try executor.set(fresh, to: TensorData([2, 1, 3], [Float](repeating: 1, count: 6)))
      try executor.set(starts, to: TensorData([2], [Int32(step), Int32(step + 1)]))
      try executor.run()
    }
    let sum = try executor.value(of: total).floats[0]
    let rows = try store.value(of: cache).floats
    let expected: [Float] =
      [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0] + [Float](repeating: 1, count: 9)
    return (sum == 18 ? [] : ["sum \(sum)"]) + (rows == expected ? [] : ["rows \(rows)"])
      + (executor.plan.peak < 96 + 512 ? [] : ["the cache was copied"])
  }

  @Test func cachesAreUpdatedInPlace() throws {
    let failures = try Self.cacheFailures(on: ReferenceDevice())
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsUpdateInPlace(target: Target) throws {
    let failures = try Self.cacheFailures(on: target.open())
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchTheReference(target: Target) throws {
    let failures = try kernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsMatchIn16Bits(target: Target) throws {
    let failures = try narrowKernelFailures(Self.cases, on: target)
    #expect(failures.isEmpty, "\(failures)")
  }
}
