// Every op with its gradient, at sizes that fit no tile, against the reference.
import Tensors

extension SelfTest {
  /// A formula of some operands; its gradients are checked with it.
  private struct Formula {
    let name: String
    let operands: [TensorData]
    let result: ([Tensor]) -> Tensor
    /// Whether gradients flow.
    var isDifferentiable = true
  }

  var formulaChecks: [Check] {
    Self.formulas.map { formula in
      let what = formula.isDifferentiable ? " and its gradients are those" : " is that"
      return Check(claim: formula.name + what + " of the reference") {
        try disagreement(formula, storage: .float32, tolerance: 2e-5)
      }
    }
      + [ElementType.bfloat16, .float16].map { storage in
        Check(claim: "a transformer layer stored as \(storage) is that of the reference") {
          try disagreement(Self.layer, storage: storage, tolerance: 2e-2)
        }
      }
  }

  /// A few kinds of kernels in one graph: norm, products of all layouts, activation, rows, a loss and all their
  /// gradients. Takes seconds where a driver compiles quickly. Returns what is wrong, or nil.
  package func briefly() throws -> String? {
    let formula = Formula(
      name: "a small network",
      operands: [
        Self.numbers([37, 53], salt: 1), Self.numbers([53], salt: 2),
        Self.numbers([53, 70], salt: 3, scale: 0.3), Self.numbers([45, 70], salt: 4, scale: 0.3),
        Self.integers([37], salt: 5, below: 45),
      ]
    ) { x in
      let hidden = x[0].rmsNormalized(gain: x[1], epsilon: 1e-5).matmul(x[2]).geluTanh()
      return hidden.matmul(x[3], transposeOther: true).crossEntropy(labels: x[4])
    }
    return try disagreement(formula, storage: .float32, tolerance: 2e-5)
  }

  private func disagreement(
    _ formula: Formula, storage: ElementType, tolerance: Double
  ) throws -> String? {
    let inputs = formula.operands.enumerated().map { (Tensor.input("x\($0)", $1.type), $1) }
    let result = formula.result(inputs.map(\.0))
    var outputs = [result]
    if formula.isDifferentiable {
      let weights = Tensor.constant(Self.numbers(result.shape, salt: 99))
      outputs += gradients(
        of: (result * weights).sum(),
        withRespectTo: inputs.map(\.0).filter { $0.type.elementType == .float32 })
    }
    let got = try values(outputs, inputs, on: device, storage: storage)
    let expected = try values(outputs, inputs, on: reference, storage: storage)
    let worst = zip(got, expected).map(Self.error).max() ?? 0
    return worst <= tolerance ? nil : "relative error \(worst), \(tolerance) is allowed"
  }

  /// Norm, attention with grouped queries and positions, and a gated network.
  private static var layer: Formula {
    Formula(
      name: "a transformer layer",
      operands: [
        numbers([2, 19, 48], salt: 1), numbers([48], salt: 2),
        numbers([96, 48], salt: 3, scale: 0.3),
        numbers([48, 48], salt: 4, scale: 0.3),
      ]
    ) { x in
      let parts = x[0].rmsNormalized(gain: x[1], epsilon: 1e-5)
        .matmul(x[2], transposeOther: true).split([48, 24, 24])
      let heads = zip(parts, [4, 2, 2]).map { $0.reshaped(to: [2, 19, $1, 12]) }
      let out = heads[0].rotated(base: 1e4)
        .attention(keys: heads[1].rotated(base: 1e4), values: heads[2], mask: .causal)
        .reshaped(to: [2, 19, 48])
      return x[0] + out.matmul(x[3]).silu()
    }
  }

  private static var formulas: [Formula] {
    let (x, y) = (numbers([37, 53], salt: 5, scale: 3), numbers([37, 53], salt: 6))
    let row = numbers([53], salt: 7)
    let products = [(false, false), (false, true), (true, false), (true, true)].map { ta, tb in
      Formula(
        name: "a product of matrices (\(ta ? "T" : "N")\(tb ? "T" : "N"))",
        operands: [
          numbers(ta ? [500, 67] : [67, 500], salt: 8),
          numbers(tb ? [45, 500] : [500, 45], salt: 9),
        ]
      ) { $0[0].matmul($0[1], transposeSelf: ta, transposeOther: tb) }
    }
    let heads = [(16, AttentionMask.causal), (64, .causal), (40, .full), (128, .causal(window: 9))]
      .map { size, mask in
        Formula(
          name: "attention with heads of \(size)",
          operands: [
            numbers([1, 70, 4, size], salt: 10), numbers([1, 81, 2, size], salt: 11),
            numbers([1, 81, 2, size], salt: 12),
          ]
        ) { $0[0].attention(keys: $0[1], values: $0[2], mask: mask) }
      }
    return products + heads + [
      Formula(
        name: "a batch of products",
        operands: [numbers([3, 20, 33], salt: 13), numbers([3, 33, 18], salt: 14)]
      ) { $0[0].matmul($0[1]) },
      Formula(
        name: "a product with bias, activation and residual",
        operands: [
          numbers([40, 64], salt: 15), numbers([64, 72], salt: 16), numbers([72], salt: 17),
          numbers([40, 72], salt: 18),
        ]
      ) { ($0[0].matmul($0[1]) + $0[2]).geluTanh() + $0[3] },
      layer,
      Formula(name: "softmax", operands: [x]) { $0[0].softmax() },
      Formula(name: "log-softmax", operands: [x]) { $0[0].logSoftmax() },
      Formula(name: "layer norm", operands: [x, row, numbers([53], salt: 19)]) {
        $0[0].layerNormalized(gain: $0[1], bias: $0[2], epsilon: 1e-5)
      },
      Formula(name: "RMS norm", operands: [x, row]) {
        $0[0].rmsNormalized(gain: $0[1], epsilon: 1e-5)
      },
      Formula(name: "GELU", operands: [x]) { $0[0].gelu() },
      Formula(name: "SiLU", operands: [x]) { $0[0].silu() },
      Formula(name: "elementwise arithmetic with broadcasting", operands: [x, y, row]) {
        ($0[0] * $0[2] + $0[1].exp()).tanh() / ($0[1] * $0[1] + 1)
      },
      Formula(name: "sums along axes", operands: [numbers([9, 300, 7], salt: 20)]) {
        $0[0].sum(axis: 2).sum(axis: 0) * $0[0].sumOfSquares()
      },
      Formula(name: "exchanged axes", operands: [numbers([3, 5, 7, 11], salt: 21)]) {
        $0[0].transposed(1, 2)
      },
      Formula(name: "parts put together", operands: [x, y]) {
        .concatenated([$0[1]] + $0[0].split([20, 33]))
      },
      Formula(name: "rotary positions", operands: [numbers([2, 9, 3, 20], salt: 22)]) {
        $0[0].rotated(base: 500)
      },
      Formula(
        name: "rows of a table",
        operands: [numbers([30, 53], salt: 23), integers([200], salt: 24, below: 30)]
      ) { $0[0].gathered($0[1]) },
      Formula(
        name: "cross-entropy", operands: [x, integers([37], salt: 25, below: 53)]
      ) { $0[0].crossEntropy(labels: $0[1]) },
      Formula(
        name: "the losses of a head's logits",
        operands: [
          numbers([600, 24], salt: 26), numbers([90, 24], salt: 27), numbers([600, 40], salt: 28),
          numbers([90, 40], salt: 29), integers([600], salt: 30, below: 90),
        ]
      ) {
        let losses = LinearLoss.distillation(
          student: ($0[0], Head($0[1])),
          teacher: .head(hidden: $0[2].detached(), Head($0[3].detached())), labels: $0[4],
          .jensenShannon(beta: 0.3), temperature: 2)
        return losses.crossEntropy + losses.divergence
      },
      Formula(
        name: "the largest of a row", operands: [x], result: { $0[0].argMax() },
        isDifferentiable: false),
      Formula(
        name: "dropout", operands: [x, TensorData([2], [Int32(5), 6])],
        result: { $0[0].dropout(0.3, seed: $0[1], name: "check") }),
    ]
  }
}
