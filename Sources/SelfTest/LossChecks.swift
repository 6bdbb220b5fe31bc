// Losses whose values are known to ten digits, and what no loss may depend on.
import Tensors

extension SelfTest {
  /// Student logits, teacher logits [8, 4] and labels of the published example, with the means that
  /// follow from them (computed in float64).
  private static let student: [Float] = [
    1.1250, -0.4102, -0.0879, -2.5000, 0.2676, 0.3535, 0.8711, -1.4688, -0.1084, 1.6641, 0.0084,
    0.1196, 0.5000, -0.6406, -0.2236, -1.5938, -1.5312, -1.9219, 0.0000, -0.5039, -1.5391, 1.5312,
    0.5820, 0.2695, -0.3887, 1.2188, 0.0000, 0.6055, 0.5000, 1.3828, 0.1309, -1.0312,
  ]
  private static let teacher: [Float] = [
    -0.0381, -1.2578, -1.2031, 0.0947, -0.7852, 0.4492, 1.5547, 0.0972, 0.8203, 0.0012, 0.7656,
    0.3477, -1.5781, 0.4297, 0.5977, 0.3926, 1.5156, 0.1641, 2.0781, -0.7734, -0.5898, 0.4453,
    -0.7969, 0.6328, 0.6289, -0.8359, 0.9258, 0.2109, 0.0006, 0.5195, 3.2344, -1.5781,
  ]
  private static let labels: [Int32] = [0, 3, 3, 1, 1, 1, 1, 1]

  var lossChecks: [Check] {
    let known: [(name: String, kind: Divergence.Kind, temperature: Float, mean: Double)] = [
      ("KL(teacher || student)", .forwardKL, 1, 0.6292863690),
      ("KL(teacher || student)", .forwardKL, 2, 0.1948004867),
      ("KL(student || teacher)", .reverseKL, 1, 0.6774912020),
      ("KL(student || teacher)", .reverseKL, 2, 0.1945222272),
      ("JSD(0.1)", .jensenShannon(beta: 0.1), 1, 0.0534227073),
      ("JSD(0.5)", .jensenShannon(beta: 0.5), 1, 0.1415480206),
      ("JSD(0.9)", .jensenShannon(beta: 0.9), 2, 0.0172517588),
      ("skew KL(0.1)", .skewKL(0.1), 1, 0.4620696917),
      ("skew reverse KL(0.1)", .skewReverseKL(0.1), 2, 0.1533015772),
      ("total variation", .totalVariation, 1, 0.4334727617),
    ]
    return known.map { item in
      Check(claim: "\(item.name) at T = \(item.temperature) is \(item.mean)") {
        let found = try mean { student, teacher, labels in
          Divergence.between(
            student: student, teacher: teacher, labels: labels, item.kind,
            temperature: item.temperature)
        }
        return abs(found - item.mean) < 1e-6 ? nil : "it is \(found)"
      }
    } + [
      Check(claim: "cross-entropy to labels is 1.4755978389") {
        let found = try mean { student, _, labels in student.crossEntropy(labels: labels) }
        return abs(found - 1.4755978389) < 1e-6 ? nil : "it is \(found)"
      },
      Check(claim: "a student that equals its teacher has loss 0 and gradient 0") {
        try lossOfEqualModels()
      },
    ] + invariances
  }

  /// What must change nothing but rounding.
  private var invariances: [Check] {
    func same(_ claim: String, _ changed: @escaping ([Int]) -> HeadCase) -> Check {
      Check(claim: claim) {
        let rows = Array(0..<40)
        let (plain, other) = (try headLosses(HeadCase(rows: rows)), try headLosses(changed(rows)))
        let worst = zip(other, plain).map { Self.error($0, $1) }.max() ?? .infinity
        return worst < 1e-5 ? nil : "relative error \(worst)"
      }
    }
    return [
      same("rows of padding in a vocabulary change nothing") { HeadCase(rows: $0, padding: 5) },
      same("positions without a label change nothing") { HeadCase(rows: $0 + [-1, -1, -1]) },
      same("the order of a batch changes nothing") { HeadCase(rows: $0.reversed()) },
      Check(claim: "the fused losses are those of the logits") {
        let (fused, plain) = (
          try headLosses(HeadCase(rows: Array(0..<40))),
          try headLosses(HeadCase(rows: Array(0..<40), isFused: false))
        )
        let worst = zip(fused, plain).map { Self.error($0, $1) }.max() ?? .infinity
        return worst < 1e-5 ? nil : "relative error \(worst)"
      },
    ]
  }

  /// A head's losses over some rows of fixed numbers; -1 is a row without a label.
  private struct HeadCase {
    let rows: [Int]
    var padding = 0
    var isFused = true
  }

  /// Cross-entropy, divergence, and the gradient of the student's weight for all classes.
  private func headLosses(_ item: HeadCase) throws -> [TensorData] {
    let (classes, width) = (50, 24)
    let all = (
      x: Self.numbers([40, width], salt: 61), y: Self.numbers([40, width], salt: 62),
      labels: Self.integers([40], salt: 63, below: classes)
    )
    func pick(_ data: TensorData) -> TensorData {
      TensorData(
        [item.rows.count, width],
        item.rows.flatMap { row in
          data.floats[max(0, row) * width..<(max(0, row) + 1) * width]
        })
    }
    func table(_ salt: Int) -> TensorData {
      let numbers = Self.numbers([classes, width], salt: salt).floats
      return TensorData(
        [classes + item.padding, width],
        numbers + [Float](repeating: 9, count: item.padding * width))
    }
    let data = [
      pick(all.x), table(64), pick(all.y), table(65),
      TensorData([item.rows.count], item.rows.map { $0 < 0 ? -1 : all.labels.integers[$0] }),
    ]
    let tensors = data.enumerated().map { Tensor.input("head.\($0)", $1.type) }
    let (ce, divergence): (Tensor, Tensor)
    if item.isFused {
      let losses = LinearLoss.distillation(
        student: (tensors[0], Head(tensors[1])),
        teacher: .head(hidden: tensors[2].detached(), Head(tensors[3].detached())),
        labels: tensors[4], .skewKL(0.1), temperature: 2, classCount: classes)
      (ce, divergence) = (losses.crossEntropy, losses.divergence)
    } else {
      let (z, given) = (
        tensors[0].matmul(tensors[1], transposeOther: true),
        tensors[2].matmul(tensors[3], transposeOther: true).detached()
      )
      ce = z.crossEntropy(labels: tensors[4])
      divergence = Divergence.between(
        student: z, teacher: given, labels: tensors[4], .skewKL(0.1), temperature: 2)
    }
    let total = ce.sum() + divergence.sum() * 3
    let slope = gradients(of: total, withRespectTo: [tensors[1]])[0]
    let found = try values(
      [ce.sum(), divergence.sum(), slope], Array(zip(tensors, data)), on: device)
    return Array(found.dropLast()) + [
      TensorData([classes, width], Array(found[2].floats.prefix(classes * width)))
    ]
  }

  private func mean(_ loss: (Tensor, Tensor, Tensor) -> Tensor) throws -> Double {
    let type = TensorType([8, 4])
    let (s, t) = (Tensor.input("student", type), Tensor.input("teacher", type))
    let y = Tensor.input("labels", TensorType([8], .int32))
    let feeds = [
      (s, TensorData([8, 4], Self.student)), (t, TensorData([8, 4], Self.teacher)),
      (y, TensorData([8], Self.labels)),
    ]
    let losses = try values([loss(s, t, y)], feeds, on: device)[0].floats
    return losses.reduce(0) { $0 + Double($1) } / 8
  }

  private func lossOfEqualModels() throws -> String? {
    let (x, w) = (Self.numbers([50, 24], salt: 41), Self.numbers([90, 24], salt: 42))
    let hidden = Tensor.input("hidden", x.type)
    let weight = Tensor.input("weight", w.type)
    let labels = Tensor.input("labels", TensorType([50], .int32))
    let kinds: [Divergence.Kind] = [
      .forwardKL, .reverseKL, .jensenShannon(beta: 0.5), .skewKL(0.1), .skewReverseKL(0.1),
    ]
    for kind in kinds {
      let loss = LinearLoss.distillation(
        student: (hidden, Head(weight)),
        teacher: .head(hidden: hidden.detached(), Head(weight.detached())),
        labels: labels, kind, temperature: 2
      ).divergence.sum()
      let found = try values(
        [loss] + gradients(of: loss, withRespectTo: [hidden, weight]),
        [(hidden, x), (weight, w), (labels, Self.integers([50], salt: 43, below: 90))], on: device)
      let largest = found.flatMap(\.floats).map(abs).max() ?? 0
      if largest > 1e-5 { return "\(kind): \(largest)" }
    }
    return nil
  }
}
