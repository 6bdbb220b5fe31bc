// What a training will take, before it begins.
import OpenCLBackend
import Tensors
import Training

/// What a run trains and how often, as far as memory, time and passes over the data depend on it.
struct TrainingPlan {
  /// Some trainings of one model.
  struct Phase {
    let name: String
    let options: TrainingOptions
    /// How many times the same is trained.
    var repetitions = 1
    /// Declares what the training reads and changes in a store, and gives the objective with its parameters.
    let prepare:
      (VariableStore) throws -> (
        objective: any Objective, parameters: [(name: String, tensor: Tensor)]
      )
  }

  let phases: [Phase]
  let data: any TokenData

  /// How often the data are seen by the model that is looked at.
  func passes(of options: TrainingOptions) -> Finding {
    let rows = options.stepCount * options.batchSize * options.microBatchCount
    let passes = Double(rows) / Double(max(1, data.count))
    let sentence = "the data are seen \(fixed(passes, 1)) times"
    return passes > 20 ? .warning(sentence + ": they may be learnt by heart") : .fine(sentence)
  }

  /// Memory and time of all steps. The very trainers of the run are built, on a device that only counts.
  func cost(on device: any Device) throws -> Finding {
    var (need, hungriest, flops) = (0, "", 0.0)
    do {
      for phase in phases {
        let planning = PlanningDevice(device)
        let store = VariableStore(on: planning, seed: phase.options.seed)
        let (objective, parameters) = try phase.prepare(store)
        let trainer = try Trainer(
          objective, parameters: parameters, data: data, options: phase.options, store: store)
        if planning.byteCount > need { (need, hungriest) = (planning.byteCount, phase.name) }
        flops +=
          trainer.flopsPerStep * Double(phase.options.stepCount) * Double(phase.repetitions)
      }
    } catch let error as MemoryError { return .refusal("\(error)") }
    let memory = device.traits.memoryBytes
    func mebibytes(_ bytes: Int) -> String {
      "\(grouped(bytes >> 20 + (bytes & 0xFFFFF == 0 ? 0 : 1))) MiB"
    }
    let peak = try (device as? OpenCLDevice)?.measurePeaks().flopsPerSecond
    let time =
      peak.map {
        ", all training about \(duration(flops / $0 / 0.5)) at half of the device's peak"
      } ?? ""
    let who = phases.count > 1 ? " of the \(hungriest)" : ""
    let sentence = "a step\(who) needs \(mebibytes(need)) of memory\(time)"
    return need <= memory
      ? .fine(sentence)
      : .refusal(
        "\(sentence), but the device has \(mebibytes(memory)): use smaller or more micro-batches")
  }
}
