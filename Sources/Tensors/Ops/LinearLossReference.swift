// What a teacher adds to a head's losses, in plain Swift.
import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension LinearLoss.Teaching {
  /// Divergence, KL at T = 1, floored log p, and the divergence's gradient with respect to logits [R, V]
  /// where the rows' weights [R] are given.
  func reference(
    _ logits: TensorData, _ given: TensorData, _ labels: TensorData, _ weights: TensorData?
  ) -> (losses: [TensorData], slope: TensorData?) {
    let term = Divergence(kind: kind, temperature: temperature).reference([logits, given, labels])
    let unit = Divergence(kind: .forwardKL, temperature: 1).reference([logits, given, labels])
    let columns = logits.shape.columnCount
    let scaled = given.floats.map { Double($0) / Double(temperature) }
    let floored = labels.integers.enumerated().map { row, label -> Float in
      guard label >= 0, kind == .reverseKL else { return 0 }
      let sum = Double(term[1].floats[3 * row + 1])
      return Float(
        scaled[row * columns..<(row + 1) * columns].count { $0 - sum < Divergence.logFloor })
    }
    let slope = weights.map { weights in
      DivergenceGradient(kind: kind, temperature: temperature)
        .reference([logits, given, labels, term[1], weights])[0]
    }
    return ([term[0], unit[0], TensorData(labels.shape, floored)], slope)
  }

  /// The same for a teacher of which `count` classes of each row are known: the divergence of the
  /// distributions over these and all others together.
  func listReference(
    _ logits: TensorData, _ classes: [Int32], _ given: [Float], _ sums: [Float],
    _ labels: TensorData, _ weights: TensorData?
  ) -> (losses: [TensorData], slope: TensorData?) {
    guard case .list(let count) = source else { fatal("the teacher is no list") }
    let (rows, columns) = (logits.shape[0], logits.shape[1])
    let z = logits.floats.map(Double.init)
    /// log p or log q of the cells, from those of the listed classes.
    func cells(_ logs: [Double]) -> [Float] {
      let tail = max(1 - logs.reduce(0) { $0 + exp($1) }, Divergence.tailFloor)
      return (logs + [log(tail)]).map { Float($0) }
    }
    func coarse(_ temperature: Double, sum: Int) -> (student: [Float], teacher: [Float]) {
      var (student, teacher): ([Float], [Float]) = ([], [])
      for row in 0..<rows {
        let own = z[row * columns..<(row + 1) * columns].map { $0 / temperature }
        let total = logSumExp(own)
        let listed = row * count..<(row + 1) * count
        student += cells(
          classes[listed].map {
            (0..<columns).contains(Int($0)) ? own[own.startIndex + Int($0)] - total : .nan
          })
        teacher += cells(
          given[listed].map { Double($0) / temperature - Double(sums[2 * row + sum]) })
      }
      return (student, teacher)
    }
    // Logarithms of probabilities are logits of themselves.
    let plain = LinearLoss.Teaching(kind: kind, temperature: 1)
    let shape: Shape = [rows, count + 1]
    let (unit, warm) = (coarse(1, sum: 1), coarse(Double(temperature), sum: 0))
    let (student, teacher) = (TensorData(shape, warm.student), TensorData(shape, warm.teacher))
    let result = plain.reference(student, teacher, labels, weights)
    let kl = Divergence(kind: .forwardKL, temperature: 1)
      .reference([TensorData(shape, unit.student), TensorData(shape, unit.teacher), labels])[0]
    let losses = [result.losses[0], kl, result.losses[2]]
    guard let cellSlopes = result.slope?.floats else { return (losses, nil) }
    var slope = [Float](repeating: 0, count: z.count)
    for row in 0..<rows {
      let own = z[row * columns..<(row + 1) * columns].map { $0 / Double(temperature) }
      let total = logSumExp(own)
      // A class of the tail has its part of the tail's slope.
      let tail = Double(cellSlopes[row * (count + 1) + count])
      let tailLog = Double(warm.student[row * (count + 1) + count])
      for j in 0..<columns {
        slope[row * columns + j] = Float(tail * exp(own[j] - total - tailLog) / Double(temperature))
      }
      for (i, j) in classes[row * count..<(row + 1) * count].enumerated()
      where (0..<columns).contains(Int(j)) {
        slope[row * columns + Int(j)] =
          Float(Double(cellSlopes[row * (count + 1) + i]) / Double(temperature))
      }
    }
    return (losses, TensorData(logits.shape, slope))
  }
}

extension TensorData {
  /// The first rows of a float matrix.
  func prefix(_ rows: Int) -> TensorData {
    rows == shape[0]
      ? self : TensorData([rows, shape[1]], Array(floats.prefix(rows * shape[1])))
  }
}
