// How near a student's sentence vectors are to its teacher's.
import Base

/// A student's vectors beside the teacher's, for the same sentences.
package struct SentenceEvaluation: Sendable {
  /// For each sentence how far the student is from the teacher: 1 - cos of the two vectors, or, where
  /// widths differ, the mean over some other sentences of the difference between similarities.
  package let distances: [Double]
  /// Mean cos of the two vectors; nil where widths differ.
  package let cosine: Double?
  /// The rank correlation of similarities over pairs of sentences (Spearman's).
  package let rankCorrelation: Double
  /// The share of sentences whose nearest other one is the same for both.
  package let neighbourAgreement: Double

  /// Compares vectors; pairs and neighbours are taken within blocks of 256 sentences.
  package init(student: [[Float]], teacher: [[Float]]) {
    demand(
      student.count == teacher.count && !student.isEmpty, "the sentences are not the same")
    let isComparable = student[0].count == teacher[0].count
    let cosines = isComparable ? zip(student, teacher).map { Self.cosine($0, $1) } : []
    var (own, other): ([Double], [Double]) = ([], [])
    var (agreeing, differences): (Int, [Double]) = (0, [])
    for first in stride(from: 0, to: student.count, by: 256) {
      let block = first..<min(student.count, first + 256)
      for row in block {
        let others = block.filter { $0 != row }
        let (a, b) = (
          others.map { Self.cosine(student[row], student[$0]) },
          others.map { Self.cosine(teacher[row], teacher[$0]) }
        )
        if Self.best(a) == Self.best(b) { agreeing += 1 }
        let sum = zip(a, b).reduce(0) { $0 + abs($1.0 - $1.1) }
        differences.append(sum / Double(max(1, others.count)))
        // Each pair once.
        for (index, column) in others.enumerated() where column > row {
          own.append(a[index])
          other.append(b[index])
        }
      }
    }
    distances = isComparable ? cosines.map { 1 - $0 } : differences
    cosine = isComparable ? cosines.reduce(0, +) / Double(cosines.count) : nil
    rankCorrelation = Self.correlation(Self.ranks(own), Self.ranks(other))
    neighbourAgreement = Double(agreeing) / Double(student.count)
  }

  /// The cosine of the angle between two vectors.
  package static func cosine(_ a: [Float], _ b: [Float]) -> Double {
    var (product, aa, bb): (Float, Float, Float) = (0, 0, 0)
    for (x, y) in zip(a, b) {
      product += x * y
      aa += x * x
      bb += y * y
    }
    return Double(product) / (Double(aa) * Double(bb)).squareRoot()
  }

  private static func best(_ x: [Double]) -> Int {
    x.indices.max { (x[$0], $1) < (x[$1], $0) } ?? 0
  }

  /// Places in order; equals share the mean of theirs.
  static func ranks(_ x: [Double]) -> [Double] {
    let order = x.indices.sorted { x[$0] < x[$1] }
    var ranks = [Double](repeating: 0, count: x.count)
    var first = 0
    while first < order.count {
      var last = first
      while last + 1 < order.count, x[order[last + 1]] == x[order[first]] { last += 1 }
      for place in first...last { ranks[order[place]] = Double(first + last) / 2 }
      first = last + 1
    }
    return ranks
  }

  /// Pearson's correlation.
  static func correlation(_ a: [Double], _ b: [Double]) -> Double {
    let count = Double(max(1, a.count))
    let (meanA, meanB) = (a.reduce(0, +) / count, b.reduce(0, +) / count)
    var (ab, aa, bb) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      ab += (x - meanA) * (y - meanB)
      aa += (x - meanA) * (x - meanA)
      bb += (y - meanB) * (y - meanB)
    }
    return ab / max((aa * bb).squareRoot(), 1e-300)
  }
}
