// The memory plan keeps live values apart, in little memory.
import Checks
import Testing

@testable import Tensors

@Suite struct MemoryPlanTests {
  static func randomIntervals(_ seed: UInt64) -> [MemoryPlan.Interval] {
    var random = RandomData(seed: seed)
    return (0..<random.integer(below: 120) + 1).map { _ in
      let first = random.integer(below: 60)
      return .init(
        byteCount: random.integer(below: 5000), first: first,
        last: first + random.integer(below: 20))
    }
  }

  @Test(arguments: 1...40) func liveValuesNeverOverlap(seed: UInt64) {
    let intervals = Self.randomIntervals(seed)
    for limit in [Int.max / 2, 8192] {
      let plan = MemoryPlan(intervals, alignment: 64, chunkLimit: limit)
      #expect(plan.violations() == [])
      #expect(plan.peak >= plan.lowerBound)
      #expect(plan.chunkByteCounts.allSatisfy { $0 <= limit })
      #expect(plan.places.allSatisfy { $0.offset % 64 == 0 })
    }
  }

  @Test(arguments: 1...40) func valuesApartBeginTheirAllocations(seed: UInt64) {
    let intervals = Self.randomIntervals(seed)
    let plan = MemoryPlan(intervals, alignment: 64, chunkLimit: .max / 2, usesSubBuffers: false)
    #expect(plan.violations() == [])
    #expect(plan.places.allSatisfy { $0.offset == 0 })
    #expect(plan.chunkByteCounts.count < intervals.count || intervals.count < 20)
    #expect(Double(plan.peak) < 1.6 * Double(plan.lowerBound) + 4096)
  }

  @Test func theCheckerSeesAnOverlap() {
    // Two values alive together, forced into the same place by a plan for shorter lives.
    let short = [
      MemoryPlan.Interval(byteCount: 100, first: 0, last: 1),
      .init(byteCount: 100, first: 2, last: 3),
    ]
    let plan = MemoryPlan(short, alignment: 4, chunkLimit: 1000)
    #expect(plan.peak == 100)
    let long = MemoryPlan(replacing: plan, [.init(byteCount: 100, first: 0, last: 2), short[1]])
    #expect(long.violations() == ["values 0 and 1 overlap at step 2"])
  }

  @Test func oneValueAtATimeTakesTheLargest() {
    let intervals = (0..<10).map {
      MemoryPlan.Interval(byteCount: 64 * ($0 + 1), first: $0, last: $0)
    }
    #expect(MemoryPlan(intervals, alignment: 64, chunkLimit: 1 << 30).peak == 640)
  }
}
