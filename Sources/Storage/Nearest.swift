// Guessing the name that was meant.

/// The candidate with the fewest insertions, deletions and replacements between it and `name`
/// (Levenshtein); nil where none is near: more than a third of the letters, and more than two, would change.
package func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
  let name = Array(name.utf8)
  // A distance takes as long as the product of the lengths.
  guard name.count <= 200 else { return nil }
  let candidates = candidates.lazy.filter { $0.utf8.count <= 200 }.prefix(5000)
  let best = candidates.map { ($0, editDistance(Array($0.utf8), name)) }.min { $0.1 < $1.1 }
  return best.flatMap { $0.1 <= max(2, max(name.count, $0.0.utf8.count) / 3) ? $0.0 : nil }
}

private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var row = Array(0...b.count)
  for i in a.indices {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let cost = a[i] == b[j] ? diagonal : diagonal + 1
      diagonal = row[j + 1]
      row[j + 1] = min(cost, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[b.count]
}
