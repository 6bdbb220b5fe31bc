// Repeated runs of one thing.
import OpenCLBackend
import Tensors

/// Seconds of some runs: the middle, and the range that holds the middle half.
struct Timing: Codable {
  let median: Double
  let lowerQuartile: Double
  let upperQuartile: Double
  let runs: Int

  init(_ seconds: [Double]) {
    let sorted = seconds.sorted()
    func at(_ share: Double) -> Double { sorted[Int(Double(sorted.count - 1) * share + 0.5)] }
    median = at(0.5)
    lowerQuartile = at(0.25)
    upperQuartile = at(0.75)
    runs = sorted.count
  }
}

/// Times runs after two that do not count (the first may compile), for about `seconds`: at least
/// 5 runs and at most 200.
func timed(seconds budget: Double, _ body: () throws -> Void) throws -> Timing {
  for _ in 0..<2 { try body() }
  var spent: [Double] = []
  var total = 0.0
  while spent.count < 5 || (total < budget && spent.count < 200) {
    let start = ContinuousClock.now
    try body()
    spent.append((ContinuousClock.now - start).seconds)
    total += spent[spent.count - 1]
  }
  return Timing(spent)
}
