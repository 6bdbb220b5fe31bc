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
        student: (hidden, weight),
        teacher: .head(hidden: hidden.detached(), weight: weight.detached()),
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
