// What the losses of a head are tried on: every kind of teacher, sizes, padding, caps.
import Checks

@testable import Tensors

extension LinearLossTests {
  static let teachings: [LinearLoss.Teaching?] = [
    nil, .init(kind: .forwardKL, temperature: 2), .init(kind: .reverseKL, temperature: 1),
    .init(kind: .jensenShannon(beta: 0.3), temperature: 1.5),
    .init(kind: .skewKL(0.1), temperature: 2), .init(kind: .skewReverseKL(0.2), temperature: 1),
    .init(kind: .totalVariation, temperature: 1),
    .init(kind: .forwardKL, temperature: 2, source: .logits),
    .init(kind: .forwardKL, temperature: 2, source: .list(3)),
    .init(kind: .reverseKL, temperature: 1, source: .list(2)),
    .init(kind: .jensenShannon(beta: 0.6), temperature: 1.5, source: .list(5)),
    .init(kind: .skewKL(0.3), temperature: 1.5, source: .list(1)),
  ]

  /// Operands of `rows` rows, of which every seventh does not count, for `vocabulary` classes; the
  /// student's weight has `padding` rows more, a teacher's one more than that.
  static func data(
    _ teaching: LinearLoss.Teaching?, rows: Int, vocabulary: Int, width: Int, teacherWidth: Int,
    weights: Bool, padding: Int = 0
  ) -> [TensorData] {
    var random = RandomData(seed: 141)
    let labels = random.integers([rows], below: vocabulary).integers.enumerated()
      .map { $0 % 7 == 6 ? -1 : $1 }
    var data = [
      random.floats([rows, width]), random.floats([vocabulary + padding, width]),
      TensorData([rows], labels),
    ]
    let given = random.floats([rows, vocabulary], -3...3)
    switch teaching?.source {
    case .head:
      let size = padding > 0 ? vocabulary + padding + 1 : vocabulary
      data += [random.floats([rows, teacherWidth]), random.floats([size, teacherWidth])]
    case .logits: data.append(given)
    case .list(let count): data += list(given, count, teaching?.temperature ?? 1)
    case nil: break
    }
    if weights {
      data += [random.floats([rows], 0.1...1)]
      if teaching != nil { data += [random.floats([rows], 0.1...1)] }
    }
    return data
  }

  /// The `count` likeliest classes of each row: their numbers, their logits, and the log-sum-exp of all.
  static func list(_ given: TensorData, _ count: Int, _ temperature: Float) -> [TensorData] {
    let (rows, columns) = (given.shape[0], given.shape[1])
    var (classes, logits, sums): ([Int32], [Float], [Float]) = ([], [], [])
    for row in 0..<rows {
      let own = Array(given.floats[row * columns..<(row + 1) * columns])
      let likeliest = own.indices.sorted { (own[$1], $0) < (own[$0], $1) }.prefix(count)
      classes += likeliest.map { Int32($0) }
      logits += likeliest.map { own[$0] }
      for t in [Double(temperature), 1] {
        sums.append(Float(logSumExp(own.map { Double($0) / t })))
      }
    }
    return [
      TensorData([rows, count], classes), TensorData([rows, count], logits),
      TensorData([rows, 2], sums),
    ]
  }

  static let cases = cases(of: teachings)

  /// The kernels with gradients have the same formulas of the losses: without gradients, the first of each kind of
  /// teacher is enough.
  static func cases(of teachings: [LinearLoss.Teaching?]) -> [OpCase] {
    teachings.flatMap { teaching in
      (firstOfEachTeacher.contains(teaching) ? [false, true] : [true]).flatMap { gives in
        [(1, 5, 1, 1, 0), (9, 33, 5, 7, 0), (40, 70, 24, 16, 0), (11, 32, 8, 4, 3)].map {
          rows, vocabulary, width, teacherWidth, padding in
          OpCase(
            LinearLoss(teaching: teaching, givesGradients: gives, classCount: vocabulary),
            data(
              teaching, rows: rows, vocabulary: vocabulary, width: width,
              teacherWidth: teacherWidth, weights: gives, padding: padding))
        }
      }
    }
  }

  /// None, a head, logits and a list.
  static let firstOfEachTeacher = [0, 1, 7, 8].map { teachings[$0] }

  /// Heads with caps that half of the logits would exceed, the teacher's another one: every kind of teacher, in and
  /// without chunks' gradients.
  static let cappedCases: [OpCase] = [
    nil, .init(kind: .forwardKL, temperature: 2, cap: 0.9),
    .init(kind: .reverseKL, temperature: 1, source: .logits),
    .init(kind: .forwardKL, temperature: 2, source: .list(3)),
  ].flatMap { (teaching: LinearLoss.Teaching?) in
    [false, true].flatMap { gives in
      [(9, 33, 5, 7, 0), (11, 32, 8, 4, 3)].map { rows, vocabulary, width, teacherWidth, padding in
        OpCase(
          LinearLoss(
            teaching: teaching, givesGradients: gives, classCount: vocabulary, cap: 0.7),
          data(
            teaching, rows: rows, vocabulary: vocabulary, width: width,
            teacherWidth: teacherWidth, weights: gives, padding: padding))
      }
    }
  }
}
