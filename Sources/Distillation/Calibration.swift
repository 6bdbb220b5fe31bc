// Whether a model is right as often as it claims.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Predictions in 15 bins of equal width by their probability.
struct Calibration {
  private struct Bin {
    var count = 0
    var right = 0
    var probability = 0.0
  }

  private var bins = [Bin](repeating: Bin(), count: 15)

  /// Whether some probability was no number; then the error is none either.
  private var isLost = false

  /// Counts a prediction whose probability is exp(-surprise).
  mutating func add(_ surprise: Float, isRight: Bool) {
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

  /// The mean over all predictions of |share that is right - mean probability| of their bin.
  var error: Double {
    guard !isLost else { return .nan }
    let total = bins.reduce(0) { $0 + $1.count }
    return bins.reduce(0) { $0 + abs(Double($1.right) - $1.probability) } / Double(max(1, total))
  }
}
