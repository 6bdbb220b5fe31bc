// What a training will take, before it begins.
import Base
import Models
import Tensors
import Training

/// One kind of training in a run, as far as memory and arithmetic of its steps depend on it.
package final class TrainingPhase {
  /// What a step takes.
  package struct Cost {
    let byteCount: Int
    /// Floating-point operations.
    let flops: Double
    let recomputed: Recomputed?
  }

  package let name: String
  /// Makes the trainer of the run on a device, with new weights.
  private let make: (any Device) throws -> Trainer
  /// Where the run trains.
  package let device: any Device
  private var known: Result<Cost, any Error>?

  /// The training knows `frozen` weights. `prepare` declares what the training reads and changes in a store, and gives its
  /// setup and parameters. The very trainer of the run is built, on a device that only counts.
  package init(
    _ name: String, options: TrainingOptions, sharing frozen: FrozenWeights,
    prepare:
      @escaping (VariableStore) throws -> (
        setup: TrainingSetup, parameters: [(name: String, tensor: Tensor)]
      )
  ) {
    self.name = name
    device = frozen.store.device
    make = { device in
      let store =
        device === frozen.store.device
        ? frozen.sharing(seed: options.seed) : VariableStore(on: device, seed: options.seed)
      let (setup, parameters) = try prepare(store)
      return try Trainer(
        setup.objective, parameters: parameters, data: setup.data, validation: setup.validation,
        options: options, store: store)
    }
  }

  /// The trainer with new weights, which learns nothing for the run.
  package func trainer(on device: any Device) throws -> Trainer { try make(device) }

  /// What a step takes; throws where no plan of it can be made.
  package func cost() throws -> Cost {
    let result =
      known
      ?? Result {
        let planning = PlanningDevice(device)
        let trainer = try make(planning)
        return Cost(
          byteCount: planning.byteCount, flops: trainer.flopsPerStep, recomputed: trainer.recomputed
        )
      }
    known = result
    return try result.get()
  }
}

/// Everything that a run trains.
package struct TrainingPlan {
  /// Phases with the number of their steps over the whole run.
  let phases: [(phase: TrainingPhase, stepCount: Int)]
  let device: any Device

  package init(phases: [(phase: TrainingPhase, stepCount: Int)], device: any Device) {
    (self.phases, self.device) = (phases, device)
  }

  /// Floating-point operations of all steps.
  private func flops() throws -> Double {
    try phases.reduce(0) { $0 + (try $1.phase.cost().flops) * Double($1.stepCount) }
  }

  /// Memory and time of all steps.
  package func cost() throws -> Finding {
    let flops: Double
    var (need, hungriest) = (0, "")
    var recomputed: Recomputed?
    do {
      flops = try self.flops()
      for (phase, _) in phases {
        let cost = try phase.cost()
        if cost.byteCount > need {
          (need, hungriest, recomputed) = (cost.byteCount, phase.name, cost.recomputed)
        }
      }
    } catch let error as MemoryError { return .refusal("\(error)") }
    let memory = device.traits.memoryBytes
    let peak = try device.measuredPeaks()?.flopsPerSecond
    let time =
      peak.map {
        ", all training about \(duration(flops / $0 / 0.5)) at half of the device's peak"
      } ?? ""
    let who = phases.count > 1 ? " of the \(hungriest)" : ""
    let sentence =
      "a step\(who) needs \(mebibytes(need)) of memory\(recomputed.map { ", with \($0)" } ?? "")\(time)"
    return need <= memory
      ? .fine(sentence)
      : .refusal(
        "\(sentence), but the device has \(mebibytes(memory)): use smaller or more micro-batches")
  }
}
