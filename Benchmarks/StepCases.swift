// Whole training steps: forward, loss, gradients, clipping, AdamW, on random tokens.
import Distillation
import Layers
import Models
import OpenCLBackend
import Tensors
import Text
import Training

struct StepCases {
  let precision: Precision

  var all: [BenchmarkCase] {
    [
      training("student", Self.student(contextLength: 256), batch: 8, length: 256),
      distillation(batch: 8, length: 256),
      training("gpt2-small", Self.gpt2Small, batch: 4, length: 64),
    ]
      + [256, 512, 1024, 2048, 4096].map {
        training("student", Self.student(contextLength: $0), batch: 4096 / $0, length: $0)
      }
  }

  // The student and the teacher that the peers were first timed on: GPT-2's shape, vocabulary 8192.
  static func student(contextLength: Int) -> GPT2Configuration {
    GPT2Configuration(
      vocabularySize: 8192, contextLength: contextLength, width: 384, layerCount: 3, headCount: 6)
  }
  static let teacher = GPT2Configuration(
    vocabularySize: 8192, contextLength: 256, width: 768, layerCount: 6, headCount: 12)
  static let gpt2Small = GPT2Configuration(
    vocabularySize: 50_257, contextLength: 1024, width: 768, layerCount: 12, headCount: 12)

  private func training(
    _ name: String, _ configuration: GPT2Configuration, batch: Int, length: Int
  ) -> BenchmarkCase {
    let model = GPT2(configuration)
    return step(
      "training step", name, model, NextTokenObjective(model), [], batch: batch, length: length)
  }

  /// 0.5 CE + 0.5 T^2 KL(teacher || student), T = 2.
  private func distillation(batch: Int, length: Int) -> BenchmarkCase {
    let model = GPT2(Self.student(contextLength: length))
    let teacher = GPT2(Self.teacher)
    return step(
      "distillation step", "student and teacher", model,
      DistillationObjective(
        student: model, teacher: .model(teacher),
        DivergenceLoss(.forwardKL, temperature: 2, alpha: 0.5)),
      [teacher],
      batch: batch, length: length)
  }

  private func step(
    _ operation: String, _ name: String, _ model: GPT2, _ objective: any Objective,
    _ teachers: [GPT2], batch: Int, length: Int
  ) -> BenchmarkCase {
    let c = model.configuration
    return BenchmarkCase(
      group: .step, operation: operation, model: name,
      sizes: [
        "batch": batch, "length": length, "layers": c.nLayer, "width": c.nEmbd, "heads": c.nHead,
        "vocabulary": c.vocabSize,
      ], flopCount: 0, byteCount: 0
    ) { device in
      let store = VariableStore(on: device, seed: 1)
      try model.declare(in: store)
      for teacher in teachers { try teacher.declare(in: store, prefix: "teacher") }
      var options = TrainingOptions()
      options.batchSize = batch
      options.precision = precision
      let count = 64 * batch * length
      let ids = someData(TensorType([count], .int32), c.vocabSize).integers
      let trainer = try Trainer(
        objective, parameters: model.parameters(), data: TokenWindows(ids, length: length),
        options: options, store: store)
      var next = 0
      let plan = trainer.accumulate.plan
      let graph = trainer.accumulate.graph
      return PreparedCase(
        run: {
          try trainer.runStep(next)
          next += 1
        }, profile: trainer.accumulate.profiledRun,
        facts: [
          "flops": graph.applications.reduce(0) { $0 + $1.flopCount },
          "tokens": Double(batch * length),
          "parameters": Double(model.parameterCount),
          "plan_bytes": Double(plan.peak), "plan_lower_bound_bytes": Double(plan.lowerBound),
          "launches": Double(trainer.accumulate.launchCount),
        ])
    }
  }
}
