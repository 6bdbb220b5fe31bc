// Whether a model is right as often as it claims.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Predictions in 15 bins of equal width by their probability.
package struct Calibration: Sendable {
  private struct Bin {
    var count = 0
    var right = 0
    var probability = 0.0
  }

  /// What a reliability diagram shows of a bin.
  package struct Point: Sendable {
    /// The mean probability of its predictions, the share of them that is right, and their share of all.
    package let probability: Double
    package let accuracy: Double
    package let share: Double

    package init(probability: Double, accuracy: Double, share: Double) {
      (self.probability, self.accuracy, self.share) = (probability, accuracy, share)
    }
  }

  package init() {}

  private var bins = [Bin](repeating: Bin(), count: 15)

  /// Whether some probability was no number; then the error is none either.
  private var isLost = false

  /// Counts a prediction whose probability is exp(-surprise).
  package mutating func add(_ surprise: Float, isRight: Bool) {
    let probability = exp(-Double(surprise))
    guard probability.isFinite else {
      isLost = true
      return
    }
    let place = min(bins.count - 1, max(0, Int(probability * Double(bins.count))))
    bins[place].count += 1
    bins[place].probability += probability
    if isRight { bins[place].right += 1 }
  }

  /// The bins that have predictions.
  package var points: [Point] {
    let total = Double(max(1, bins.reduce(0) { $0 + $1.count }))
    return bins.filter { $0.count > 0 }.map { bin in
      Point(
        probability: bin.probability / Double(bin.count),
        accuracy: Double(bin.right) / Double(bin.count), share: Double(bin.count) / total)
    }
  }

  /// The expected calibration error (Guo et al., arXiv 1706.04599): the mean over all predictions of |share that is right - mean probability| of their bin.
  package var error: Double {
    guard !isLost else { return .nan }
    let total = bins.reduce(0) { $0 + $1.count }
    return bins.reduce(0) { $0 + abs(Double($1.right) - $1.probability) } / Double(max(1, total))
  }
}
