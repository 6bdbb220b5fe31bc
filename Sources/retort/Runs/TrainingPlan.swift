// What a training will take, before it begins.
import OpenCLBackend
import Tensors
import Training

/// What a run trains and how often, as far as memory, time and passes over the data depend on it.
struct TrainingPlan {
  let recipe: TrainingRecipe
  let steps: Int
  /// How many times the same is trained.
  var repetitions = 1

  /// How often the data are seen.
  func passes(over data: any TokenData) -> Finding {
    let rows = steps * recipe.batchSize * recipe.microBatches
    let passes = Double(rows) / Double(max(1, data.count))
    let sentence = "the data are seen \(fixed(passes, 1)) times"
    return passes > 20 ? .warning(sentence + ": they may be learnt by heart") : .fine(sentence)
  }

  /// Memory and time of an objective's steps on rows of `length` tokens. `parameters` are those that are
  /// trained, beside `otherCount` that are only read.
  func cost(
    _ objective: any Objective, parameters: [Tensor], otherCount: Int, length: Int,
    on device: any Device
  ) throws -> Finding {
    let type = TensorType([recipe.batchSize, length], .int32)
    let loss = objective.loss(tokens: .input("tokens", type), labels: .input("labels", type)).total
    let graph = Graph(outputs: [loss] + gradients(of: loss, withRespectTo: parameters))
    // Weights, and two moments of each that is trained.
    let trained = parameters.reduce(0) { $0 + $1.type.elementCount }
    let need =
      try 4 * (3 * trained + otherCount) + GraphExecutor.byteCount(of: graph, on: device)
    let memory = device.traits.memoryBytes
    func mebibytes(_ bytes: Int) -> String { "\(grouped((bytes + (1 << 20) - 1) >> 20)) MiB" }
    let flops = graph.rewritten().applications.reduce(0.0) {
      $0 + $1.op.flopCount($1.operands.map(\.type))
    }
    let peak = try (device as? OpenCLDevice)?.measurePeaks().flopsPerSecond
    let count = Double(steps * recipe.microBatches * repetitions)
    let time =
      peak.map { ", about \(duration(flops * count / $0 / 0.5)) at half of the device's peak" }
      ?? ""
    let sentence = "a step needs \(mebibytes(need)) of memory\(time)"
    return need <= memory
      ? .fine(sentence)
      : .refusal(
        "\(sentence), but the device has \(mebibytes(memory)): use smaller or more micro-batches")
  }
}
