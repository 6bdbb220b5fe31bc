// Ways to train a language model on a device, and what each takes.
import Base
import Experiments
import Foundation
import Models
import Tensors
import Training

/// How much of a language model is trained and kept, as a recipe says it.
package struct TrainingWay {
  package let name: String
  /// What `retort train` is told beside the model, the data and their sizes.
  package let options: [String]
  private let adapter: AdapterRecipe?
  private let recomputation: Recomputation
  private let hasNarrowMoments: Bool

  private init(
    _ name: String, _ options: [String], rank: Int = 0, base: FrozenStorage = .file,
    recomputation: Recomputation = .all, hasNarrowMoments: Bool = false
  ) {
    (self.name, self.options) = (name, options)
    var adapter = AdapterRecipe()
    (adapter.rank, adapter.base) = (rank, base)
    self.adapter = rank > 0 ? adapter : nil
    (self.recomputation, self.hasNarrowMoments) = (recomputation, hasNarrowMoments)
  }

  private static let again = "--set training.recompute=layers"
  /// From the one that needs most memory to the one that needs least.
  package static var all: [TrainingWay] {
    [
      .init("all weights", [], recomputation: .none),
      .init("all weights, values computed again", [again]),
      .init(
        "so, with moments of 8 bits", ["--set training.optimizer=adamw8", again],
        hasNarrowMoments: true),
      .init("LoRA of rank 16, values computed again", ["--lora 16", again], rank: 16),
      .init("so, on nf4", ["--lora 16", "--base nf4", again], rank: 16, base: .nf4),
    ]
  }

  /// The bytes of a training of the model in a folder, by the plan of the very trainer: weights, gradients, moments, values.
  package func byteCount(
    of directory: ModelDirectory, batchSize: Int, length: Int, on device: any Device
  ) throws -> Int {
    let planning = PlanningDevice(device)
    let store = VariableStore(on: planning, seed: 1)
    let place = RunFolder("planned")
    var arm = try Arm("model", startingFrom: directory.url.path, in: place)
    if let adapter { arm = try arm.adapted(by: adapter) }
    try arm.plan(in: store, prefix: arm.name)
    let tokens = [Int32](repeating: 0, count: batchSize * length + 1)
    let setup = arm.adapted(
      TrainingSetup(
        objective: NextTokenObjective(try arm.languageModel()),
        data: TokenWindows(tokens, length: length), validation: nil))
    var options = TrainingOptions(stepCount: 1, batchSize: batchSize)
    options.recomputation = recomputation
    if hasNarrowMoments { options.optimizer.rule = AdamW8() }
    _ = try Trainer(
      setup.objective, parameters: arm.trained(prefix: arm.name), data: setup.data,
      options: options, store: store)
    return planning.byteCount
  }

  /// The largest power of two, up to `limit`, for which something fits; 0 where 1 does not.
  private static func largest(upTo limit: Int, fits: (Int) throws -> Bool) rethrows -> Int {
    var best = 0
    var next = 1
    while next <= limit, try fits(next) { (best, next) = (next, 2 * next) }
    return best
  }

  private static let mostRows = 64

  /// The most rows of a length, and the longest single row, that fit so many bytes; powers of two, 0 for none.
  package func room(
    for directory: ModelDirectory, length: Int, limit: Int, bytes: Int, on device: any Device
  ) throws -> (rows: Int, length: Int) {
    let rows = try Self.largest(upTo: Self.mostRows) {
      try byteCount(of: directory, batchSize: $0, length: length, on: device) <= bytes
    }
    let longest = try Self.largest(upTo: limit) {
      // Short rows are not asked for.
      try $0 < 64 || byteCount(of: directory, batchSize: 1, length: $0, on: device) <= bytes
    }
    return (rows, longest < 64 ? 0 : longest)
  }
}
