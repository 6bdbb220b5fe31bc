// Ways to train a language model on a device, alone or by a teacher, and what each takes.
import Base
import Experiments
import Foundation
import Models
import Tensors
import Training

/// How much of a language model is trained and kept, and how its teacher is, as a recipe says it.
package struct TrainingWay {
  package let name: String
  private let rank: Int
  private let base: FrozenStorage
  private let recomputation: Recomputation
  private let hasNarrowMoments: Bool
  /// A teacher's file, and how its weights lie; nil where nobody teaches.
  private var teacher: (url: URL, storage: FrozenStorage)?

  private init(
    _ name: String, rank: Int = 0, base: FrozenStorage = .file,
    recomputation: Recomputation = .all, hasNarrowMoments: Bool = false
  ) {
    (self.name, self.rank, self.base) = (name, rank, base)
    (self.recomputation, self.hasNarrowMoments) = (recomputation, hasNarrowMoments)
    teacher = nil
  }

  private init(_ way: TrainingWay, taughtBy url: URL, in storage: FrozenStorage) {
    self.init(
      way.name + (storage == .file ? "" : "; teacher on \(storage.rawValue)"), rank: way.rank,
      base: way.base, recomputation: way.recomputation, hasNarrowMoments: way.hasNarrowMoments)
    teacher = (url, storage)
  }

  /// From the one that needs most memory to the one that needs least; "again" are values in the backward pass.
  private static var untaught: [TrainingWay] {
    [
      .init("all weights", recomputation: .none),
      .init("all weights, again"),
      .init("all weights, again, moments of 8 bits", hasNarrowMoments: true),
      .init("LoRA of rank 16, again", rank: 16),
      .init("LoRA of rank 16 on nf4, again", rank: 16, base: .nf4),
    ]
  }

  /// Those that a model has: its layers may be too narrow for an adapter. Of a distillation with the teacher's weights as in its
  /// file first, then in fewer bits.
  package static func all(
    of model: any PretrainedModel, taughtBy teacher: URL?
  ) -> [TrainingWay] {
    let ways = untaught.filter { way in
      var options = Adapter.Options()
      options.rank = way.rank
      return way.rank == 0 || (try? Adapter(of: model, options)) != nil
    }
    guard let teacher else { return ways }
    return [FrozenStorage.file, .nf4].flatMap { storage in
      ways.map { TrainingWay($0, taughtBy: teacher, in: storage) }
    }
  }

  /// What `retort train`, or `retort distill`, is told beside the models, the data and their sizes.
  package var options: [String] {
    let onAdapter =
      teacher == nil
      ? ["--lora \(rank)", "--base \(base.rawValue)"]
      : ["--set student.adapter.rank=\(rank)", "--set student.adapter.base=\(base.rawValue)"]
    var options = rank == 0 ? [] : base == .file ? [onAdapter[0]] : onAdapter
    if hasNarrowMoments { options.append("--set training.optimizer=adamw8") }
    if recomputation == .all { options.append("--set training.recompute=layers") }
    if let teacher, teacher.storage != .file {
      options.append("--set teacher.storage=\(teacher.storage.rawValue)")
    }
    return options
  }

  /// Whether two models have other tokens, as their tokenizers say, so that one teaches the other by likelihoods, in a pass of its
  /// own; a plan needs no tokenizers, so one that is not there says nothing.
  package static func haveOtherTokens(_ model: URL, _ other: URL, contextLength: Int) -> Bool {
    let tokenizers = [model, other].compactMap {
      try? RunTokenizer("", model: $0.path, contextLength: contextLength)
    }
    return tokenizers.count == 2 && !tokenizers[0].isSame(as: tokenizers[1])
  }

  /// What the model learns by: the text alone, or a teacher that is planned too.
  private func objective(of model: any LanguageModel, in store: VariableStore) throws
    -> any Objective
  {
    guard let teacher else { return NextTokenObjective(model) }
    let arm = try Arm("teacher", finished: teacher.url.path, storage: teacher.storage)
    try arm.planFinished(in: store)
    let teaching = try arm.languageModel()
    return DistillationObjective(
      student: model, teacher: .model(teaching),
      ObjectiveRecipe().divergence,
      classCount: min(model.vocabularySize, teaching.vocabularySize))
  }

  /// The bytes of a training of the model in a folder, by the plan of the very trainer: weights, gradients, moments, values.
  package func byteCount(
    of directory: ModelDirectory, batchSize: Int, length: Int, on device: any Device
  ) throws -> Int {
    let planning = PlanningDevice(device)
    let store = VariableStore(on: planning, seed: 1)
    let place = RunFolder("planned")
    var arm = try Arm("model", startingFrom: directory.url.path, in: place)
    if rank > 0 {
      var adapter = AdapterRecipe()
      (adapter.rank, adapter.base) = (rank, base)
      arm = try arm.adapted(by: adapter)
    }
    try arm.plan(in: store, prefix: arm.name)
    let tokens = [Int32](repeating: 0, count: batchSize * length + 1)
    let setup = arm.adapted(
      TrainingSetup(
        objective: try objective(of: try arm.languageModel(), in: store),
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
