// Short training runs: the device's is the reference's, and the same every time.
import Distillation
import Models
import Tensors
import Text
import Training

extension SelfTest {
  var trainingChecks: [Check] {
    [
      Check(claim: "three steps of distillation give the reference's losses") {
        let (got, expected) = (try losses(on: device), try losses(on: reference))
        let worst = zip(got, expected).map { abs($0 - $1) / $1 }.max() ?? .infinity
        return worst < 1e-4 ? nil : "\(got), not \(expected)"
      },
      Check(claim: "two runs give the same bits") {
        let (first, second) = (try losses(on: device), try losses(on: device))
        return first == second ? nil : "\(first) and \(second)"
      },
      Check(claim: "micro-batches change nothing but rounding") {
        let (whole, split) = (try losses(on: device), try losses(on: device, microBatches: 3))
        let worst = zip(split, whole).map { abs($0 - $1) / $1 }.max() ?? .infinity
        return worst < 1e-4 ? nil : "\(split), not \(whole)"
      },
      Check(claim: "texts that share rows give the loss and gradients of rows of their own") {
        let (apart, together) = (try packedLoss(packs: false), try packedLoss(packs: true))
        let worst = zip(together, apart).map(Self.error).max() ?? .infinity
        return worst < 1e-4 ? nil : "relative error \(worst)"
      },
    ]
      + [Precision.bf16, .fp16].map { precision in
        Check(claim: "distillation in \(precision) stays near that in fp32") {
          let (wide, narrow) = (
            try losses(on: device), try losses(on: device, precision: precision)
          )
          let worst = zip(narrow, wide).map { abs($0 - $1) / $1 }.max() ?? .infinity
          return worst < 0.05 ? nil : "\(narrow), not \(wide)"
        }
      }
  }

  /// The loss of nine texts, and the gradients of the model.
  private func packedLoss(packs: Bool) throws -> [TensorData] {
    let model = Llama(Self.sizes)
    let store = VariableStore(on: device, seed: 3)
    try model.declare(in: store, prefix: "model")
    let texts = (0..<9).map { index in
      TokenExamples.Example(
        tokens: Self.integers([2 + index % 5], salt: 60 + index, below: 61).integers,
        isTarget: [Bool](repeating: true, count: 2 + index % 5))
    }
    let data = TokenExamples(texts, length: 12, packs: packs)
    let inputs = Inputs(of: data, rowCount: data.count)
    let loss = NextTokenObjective(model).loss(inputs)
    let outputs =
      [loss.total] + gradients(of: loss.total, withRespectTo: model.parameters().map(\.tensor))
    let executor = try GraphExecutor(Graph(outputs: outputs), on: store)
    try inputs.set(try data.batches(of: data.count)[0], on: executor)
    try executor.run()
    return try outputs.map { try executor.value(of: $0) }
  }

  private static let sizes = LlamaConfiguration(
    vocabularySize: 61, width: 32, intermediateWidth: 56, layerCount: 1, headCount: 2,
    keyValueHeadCount: 1, contextLength: 12)

  /// The losses of some steps of a small distillation.
  private func losses(
    on device: any Device, microBatches: Int = 1, precision: Precision = .fp32
  ) throws -> [Double] {
    let store = VariableStore(on: device, seed: 3)
    let (teacher, student) = (Llama(Self.sizes), Llama(Self.sizes))
    try teacher.declare(in: store, prefix: "teacher")
    try student.declare(in: store, prefix: "student")
    var options = TrainingOptions()
    options.stepCount = 3
    options.batchSize = 6 / microBatches
    options.microBatchCount = microBatches
    options.precision = precision
    options.logInterval = 1
    options.optimizer.warmupSteps = 1
    let trainer = try Trainer(
      DistillationObjective(
        student: student, teacher: .model(teacher),
        DivergenceLoss(.forwardKL, temperature: 2, alpha: 0.3)),
      parameters: student.parameters(prefix: "student"),
      data: TokenWindows(Self.integers([400], salt: 51, below: 61).integers, length: 12),
      options: options, store: store)
    var losses: [Double] = []
    _ = try trainer.run(checkpoint: nil) { event in
      if case .step(let metrics) = event { losses.append(metrics.means["loss"] ?? .nan) }
    }
    return losses
  }
}
