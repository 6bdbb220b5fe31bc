// Repeated runs of one thing.

/// Seconds of some runs, in order of size.
struct Timing {
  let sorted: [Double]

  var median: Double { sorted[sorted.count / 2] }

  /// "median ms (fastest to slowest)"
  var line: String {
    func round(_ x: Double) -> Double { (x * 1e5).rounded() / 100 }
    return "\(round(median)) ms (\(round(sorted[0])) to \(round(sorted[sorted.count - 1])))"
  }
}

/// Times some runs after one that does not count.
func timed(runs: Int, _ body: () throws -> Void) throws -> Timing {
  try body()
  return Timing(
    sorted: try (0..<max(1, runs)).map { _ in
      let start = ContinuousClock.now
      try body()
      let spent = (ContinuousClock.now - start).components
      return Double(spent.seconds) + Double(spent.attoseconds) * 1e-18
    }.sorted())
}
