// One model of a run: made or loaded, trained, saved.
import ArgumentParser
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Tokenizers
import Training

/// A model with the name under which the run knows it: "teacher", "student", "control", "model".
struct Arm {
  let name: String
  let model: any LanguageModel
  /// Where its finished weights are, or will be.
  let directory: ModelDirectory

  /// The arm of a recipe: from the folder it names, or new, to be trained.
  /// `model` replaces the recipe's sizes.
  init(
    _ name: String, _ recipe: ModelRecipe, model: (any LanguageModel)? = nil,
    sequenceLength: Int, folder: RunFolder
  ) throws {
    self.name = name
    if recipe.path.isEmpty {
      directory = ModelDirectory(folder.model(name))
      self.model =
        model
        ?? Llama(
          recipe.configuration(
            vocabularySize: ByteTokenizer.vocabularySize, contextLength: sequenceLength))
    } else {
      directory = ModelDirectory(URL(fileURLWithPath: recipe.path))
      self.model = try directory.languageModel()
      try requireByteTokenizer(directory)
    }
  }

  /// Declares the model's variables under the arm's name, with its finished weights.
  func load(into store: VariableStore) throws {
    try directory.load(model, into: store, prefix: name)
  }

  /// Trains the model from where its checkpoint left it, and saves it. A student's variables are
  /// called the same in every arm, so that both arms start from the same numbers.
  func train(
    _ objective: any Objective, _ options: TrainingOptions, on text: RunText, folder: RunFolder,
    store: VariableStore, prefix: String, profiling: ProfilingOptions
  ) throws {
    try model.declare(in: store, prefix: prefix)
    note("\(name): \(grouped(model.parameterCount)) parameters, loss = \(objective.formula)")
    let trainer = try Trainer(
      objective, parameters: model.parameters(prefix: prefix), data: text.training,
      options: options, store: store)
    let checkpoint = folder.checkpoint(name)
    let resumed = try Self.checkpointStep(checkpoint)
    let metrics = try folder.openMetrics(arm: name, resumingFrom: resumed)
    let progress = ProgressLine()
    var interruptedAt: Int?
    func show(_ event: TrainingEvent) throws {
      switch event {
      case .step(let m):
        try metrics.append(MetricsRecord.fields(name, m))
        let numbers = ["loss", "ce", "kl"].compactMap { key in
          m.means[key].map { "\(key) \(fixed($0, 3))" }
        }
        let speed = "\(grouped(Int(m.tokensPerSecond))) tokens/s"
        progress.show(
          name, done: m.step, of: m.stepCount, seconds: m.seconds, doneHere: m.step - resumed,
          (numbers + [speed]).joined(separator: "  "))
      case .checkpoint: break
      case .interrupted(let step): interruptedAt = step
      }
    }
    let isDone = try trainer.run(
      checkpoint: checkpoint, onEvent: show, shouldStop: { Interrupt.wasRequested })
    progress.end()
    guard isDone else {
      note(
        "Interrupted: \(interruptedAt ?? 0) of \(options.stepCount) steps of the \(name) are saved. "
          + "Go on with `retort \(name == "model" ? "train" : "distill") "
          + "--run \(folder.url.relativePath) --resume`, on the same --device.")
      throw ExitCode(130)
    }
    var export = ModelDirectory.Export()
    export.files = [("tokenizer.json", String(decoding: try ByteTokenizer().json(), as: UTF8.self))]
    export.fields = ["bos_token_id", "eos_token_id"].map {
      ($0, JSON(Int(ByteTokenizer.endOfText)))
    }
    try directory.save(model, from: store, prefix: prefix, export)
    try profiling.report(on: trainer, device: store.device, name: name)
  }

  private static func checkpointStep(_ url: URL) throws -> Int {
    guard FileManager.default.fileExists(atPath: url.path) else { return 0 }
    return try Safetensors(contentsOf: url).metadata["step"].flatMap { Int($0) } ?? 0
  }
}

/// Throws unless the model's tokenizer is the byte-level one.
func requireByteTokenizer(_ directory: ModelDirectory) throws {
  let file = directory.url.appending(path: "tokenizer.json")
  guard let json = try? Data(contentsOf: file) else {
    throw StorageError("\(directory.url.path) has no tokenizer.json.")
  }
  guard ByteTokenizer.matches(json) else {
    throw StorageError(
      "\(file.path) is not the byte-level tokenizer, the only one that is read so far.")
  }
}
