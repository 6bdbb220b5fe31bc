// Whole training steps. `Peers/train_step.py` runs the same work in PyTorch.
import Distillation
import Models
import Tensors
import Training

/// A training step of a Llama on random tokens: forward, gradients, clipping, AdamW.
struct StepBenchmark {
  let name: String
  let configuration: LlamaConfiguration
  let batchSize: Int
  let sequenceLength: Int

  static let all = [
    StepBenchmark(
      name: "3 layers, 384 wide, vocabulary 8192, batch 8 x 256",
      configuration: LlamaConfiguration(
        vocabularySize: 8192, width: 384, intermediateWidth: 1024, layerCount: 3, headCount: 6,
        keyValueHeadCount: 6, contextLength: 256),
      batchSize: 8, sequenceLength: 256),
    StepBenchmark(
      name: "4 layers, 192 wide, vocabulary 257, batch 32 x 128",
      configuration: LlamaConfiguration(
        vocabularySize: 257, width: 192, intermediateWidth: 512, layerCount: 4, headCount: 3,
        keyValueHeadCount: 3, contextLength: 128),
      batchSize: 32, sequenceLength: 128),
  ]

  /// The median and the spread of some steps after a warm-up, as one line.
  func measure(on device: any Device, runs: Int) throws -> String {
    let store = VariableStore(on: device, seed: 1)
    let model = Llama(configuration)
    try model.declare(in: store)
    var options = TrainingOptions()
    options.batchSize = batchSize
    // Ids that are spread over the vocabulary; which ones does not matter to the time.
    let ids = (0..<200_000).map {
      Int32(Philox.permuted($0, of: 200_000, seed: 1, stream: 0) % configuration.vocabSize)
    }
    let windows = TokenWindows(ids, length: sequenceLength)
    let trainer = try Trainer(
      NextTokenObjective(model), parameters: model.parameters(), data: windows, options: options,
      store: store)
    let seconds = try timed(runs: runs) {
      try trainer.runStep(0)
      try device.finish()
    }
    let tokens = Double(batchSize * sequenceLength)
    let plan = trainer.accumulate.plan
    return "step  \(name), \(model.parameterCount) parameters  \(seconds.line)  "
      + "\(Int(tokens / seconds.median)) tokens/s  plan \(plan.peak >> 20) MiB, "
      + "lower bound \(plan.lowerBound >> 20) MiB"
  }
}
