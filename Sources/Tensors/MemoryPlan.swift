// Which bytes hold which value, and when.
import Base

/// Places values with known lifetimes in as little memory as it can.
package struct MemoryPlan: Sendable {
  /// A value that needs `byteCount` bytes from step `first` to step `last`, both included.
  package struct Interval: Sendable {
    package let byteCount: Int
    package let first: Int
    package var last: Int

    package init(byteCount: Int, first: Int, last: Int) {
      self.byteCount = byteCount
      self.first = first
      self.last = last
    }

    func overlaps(_ other: Interval) -> Bool { first <= other.last && other.first <= last }
  }

  package struct Place: Sendable {
    package let chunk: Int
    package let offset: Int
  }

  package let intervals: [Interval]
  package private(set) var places: [Place]
  package private(set) var chunkByteCounts: [Int]

  /// Bytes that the plan takes.
  package var peak: Int { chunkByteCounts.reduce(0, +) }

  /// No plan can take less: the largest sum of bytes that are alive at one step.
  package let lowerBound: Int

  /// Tries a few orders of placing and keeps the best. A chunk is one allocation, of at most
  /// `chunkLimit` bytes; traps for a value that no chunk can hold. With `usesSubBuffers` false no two values that live
  /// at one time lie in one allocation, so that each begins at its start, and a chunk is as large as its largest.
  package init(
    _ intervals: [Interval], alignment: Int, chunkLimit: Int, usesSubBuffers: Bool = true
  ) {
    self.intervals = intervals
    lowerBound = Self.largestLiveSum(intervals, alignment)
    let orders: [(Interval, Interval) -> Bool] = [
      { ($0.byteCount, $1.first) > ($1.byteCount, $0.first) },
      { ($0.last - $0.first, $0.byteCount) > ($1.last - $1.first, $1.byteCount) },
      { ($0.first, $1.byteCount) < ($1.first, $0.byteCount) },
    ]
    places = []
    chunkByteCounts = []
    var best = Int.max
    for order in orders {
      let (places, chunks) = Self.place(
        intervals, order, alignment, chunkLimit, usesSubBuffers: usesSubBuffers)
      let total = chunks.reduce(0, +)
      if total < best { (self.places, chunkByteCounts, best) = (places, chunks, total) }
    }
  }

  /// The same places for other lifetimes, for testing the checker.
  init(replacing plan: MemoryPlan, _ intervals: [Interval]) {
    self.intervals = intervals
    places = plan.places
    chunkByteCounts = plan.chunkByteCounts
    lowerBound = plan.lowerBound
  }

  private static func largestLiveSum(_ intervals: [Interval], _ alignment: Int) -> Int {
    guard let end = intervals.map(\.last).max() else { return 0 }
    var change = [Int](repeating: 0, count: end + 2)
    for interval in intervals {
      let bytes = roundUp(interval.byteCount, toMultipleOf: alignment)
      change[interval.first] += bytes
      change[interval.last + 1] -= bytes
    }
    var live = 0
    return change.map { delta in
      live += delta
      return live
    }.max() ?? 0
  }

  private struct Chunk {
    var size = 0
    var members: [Int] = []
  }

  /// Gives each value in turn a place that is free for as long as it lives.
  private static func place(
    _ intervals: [Interval], _ order: (Interval, Interval) -> Bool, _ alignment: Int,
    _ chunkLimit: Int, usesSubBuffers: Bool
  ) -> (places: [Place], chunks: [Int]) {
    func size(_ value: Int) -> Int {
      roundUp(max(intervals[value].byteCount, 1), toMultipleOf: alignment)
    }
    var places = [Place](repeating: Place(chunk: 0, offset: 0), count: intervals.count)
    var chunks: [Chunk] = []

    /// The tightest gap of the first chunk that has one, or its end.
    func gap(_ value: Int) -> Place? {
      let wanted = size(value)
      for chunk in chunks.indices {
        let taken = chunks[chunk].members
          .filter { intervals[$0].overlaps(intervals[value]) }
          .map { (start: places[$0].offset, end: places[$0].offset + size($0)) }
          .sorted { $0.start < $1.start }
        var free = 0
        var tightest: (offset: Int, waste: Int)?
        for (start, end) in taken {
          if start - free >= wanted, start - free - wanted < tightest?.waste ?? Int.max {
            tightest = (free, start - free - wanted)
          }
          free = max(free, end)
        }
        if let tightest { return Place(chunk: chunk, offset: tightest.offset) }
        if free + wanted <= chunkLimit { return Place(chunk: chunk, offset: free) }
      }
      return nil
    }

    /// The start of the smallest free chunk that holds it, or of the largest, which grows.
    func start(_ value: Int) -> Place? {
      let wanted = size(value)
      func cost(_ chunk: Int) -> (missing: Int, wasted: Int, Int) {
        (max(0, wanted - chunks[chunk].size), max(0, chunks[chunk].size - wanted), chunk)
      }
      return chunks.indices.filter { chunk in
        !chunks[chunk].members.contains { intervals[$0].overlaps(intervals[value]) }
      }.min { cost($0) < cost($1) }.map { Place(chunk: $0, offset: 0) }
    }

    for value in intervals.indices.sorted(by: { order(intervals[$0], intervals[$1]) }) {
      demand(
        size(value) <= chunkLimit, "a value of \(size(value)) bytes exceeds the largest allocation")
      let found = usesSubBuffers ? gap(value) : start(value)
      if found == nil { chunks.append(Chunk()) }
      let place = found ?? Place(chunk: chunks.count - 1, offset: 0)
      chunks[place.chunk].size = max(chunks[place.chunk].size, place.offset + size(value))
      chunks[place.chunk].members.append(value)
      places[value] = place
    }
    return (places, chunks.map(\.size))
  }

  /// Replays the plan step by step, byte range by byte range, and tells what is wrong with it:
  /// nothing, if no two live values overlap and all lie inside their chunks.
  package func violations() -> [String] {
    var found: [String] = []
    for (index, interval) in intervals.enumerated() {
      let place = places[index]
      if place.offset < 0 || place.offset + interval.byteCount > chunkByteCounts[place.chunk] {
        found.append("value \(index) lies outside chunk \(place.chunk)")
      }
    }
    let end = intervals.map(\.last).max() ?? -1
    var live: Set<Int> = []
    for step in 0...max(end, 0) {
      let born = intervals.indices.filter { intervals[$0].first == step }
      for value in born {
        let mine = places[value]
        for other in live {
          let theirs = places[other]
          if mine.chunk == theirs.chunk,
            mine.offset < theirs.offset + intervals[other].byteCount,
            theirs.offset < mine.offset + intervals[value].byteCount
          {
            found.append("values \(other) and \(value) overlap at step \(step)")
          }
        }
        live.insert(value)
      }
      live = live.filter { intervals[$0].last > step }
    }
    return found
  }
}
