// One model of a run: made or loaded, trained, saved.
import ArgumentParser
import Foundation
import Models
import OpenCLBackend
import Storage
import Tensors
import Training

/// A model with the name under which the run knows it: "teacher", "student", "control", "model"; with
/// several seeds also "student-2" and so on.
struct Arm {
  /// What a model is before it is trained.
  private enum Origin {
    case new
    case folder(ModelDirectory)
    case reduction(Reduction)
  }

  let name: String
  let model: any PretrainedModel
  /// Where its finished weights are, or will be.
  let directory: ModelDirectory
  private let origin: Origin
  /// Whether the weights before training are random, whatever the origin's are.
  var beginsRandom = false

  /// A finished model in a folder.
  init(_ name: String, finished path: String) throws {
    self.name = name
    directory = ModelDirectory(URL(fileURLWithPath: path))
    model = try directory.model()
    origin = .folder(directory)
  }

  /// The model as one that predicts the next token; throws for one that does not.
  func languageModel() throws -> any LanguageModel {
    guard let model = model as? any LanguageModel else { throw source.notALanguageModel(model) }
    return model
  }

  /// The model as one that reads in both directions; throws for one that does not.
  func encoder() throws -> any Encoder {
    guard let model = model as? any Encoder else { throw source.notAnEncoder(model) }
    return model
  }

  /// Where the model was before the run.
  private var source: ModelDirectory {
    switch origin {
    case .new: directory
    case .folder(let source): source
    case .reduction(let reduction): reduction.directory
    }
  }

  /// A model that the run trains: from a folder, from parts of a teacher, or new. New ones have a token
  /// for each of `vocabularySize` ids.
  init(
    _ name: String, _ recipe: ModelRecipe, teacher: ModelDirectory? = nil, vocabularySize: Int,
    sequenceLength: Int, folder: RunFolder
  ) throws {
    self.name = name
    directory = ModelDirectory(folder.model(name))
    if !recipe.path.isEmpty {
      let source = ModelDirectory(URL(fileURLWithPath: recipe.path))
      model = try source.model()
      origin = .folder(source)
    } else if recipe.fromTeacher.isWanted {
      guard let teacher else {
        throw RecipeError("\(name).from_teacher needs a teacher in a folder: set teacher.path.")
      }
      let reduction = try Reduction(
        of: teacher, layers: recipe.fromTeacher.layers, width: recipe.fromTeacher.width)
      model = reduction.model
      origin = .reduction(reduction)
    } else {
      model = Llama(
        recipe.configuration(vocabularySize: vocabularySize, contextLength: sequenceLength))
      origin = .new
    }
    guard sequenceLength <= model.contextLength else {
      throw RecipeError(
        "data.sequence_length must be at most \(model.contextLength), the context of the \(name).")
    }
  }

  /// A new model that the run trains.
  init(_ name: String, new model: any PretrainedModel, in folder: RunFolder) {
    (self.name, self.model) = (name, model)
    directory = ModelDirectory(folder.model(name))
    origin = .new
  }

  /// Declares the model's variables under the arm's name, with its finished weights, which nobody trains further.
  func load(into store: VariableStore) throws {
    try directory.loadFrozen(model, into: store, prefix: name)
  }

  /// The same among weights that others share; returns what tells the model's folder from others.
  @discardableResult
  func load(into weights: FrozenWeights) throws -> String {
    try weights.load(model, from: directory, as: name)
  }

  /// Declares the variables as they are before training; returns what they were taken from.
  private func begin(in store: VariableStore, prefix: String) throws -> String {
    if beginsRandom {
      try model.declare(in: store, prefix: prefix)
      return "with random weights, in the shape of the student"
    }
    switch origin {
    case .new:
      try model.declare(in: store, prefix: prefix)
      return "with random weights"
    case .folder(let source):
      try source.load(model, into: store, prefix: prefix)
      return "all from \(source.url.lastPathComponent)"
    case .reduction(let reduction):
      try reduction.load(into: store, prefix: prefix, teacherPrefix: "teacher")
      return reduction.description
    }
  }

  /// Trains the model from where its checkpoint left it, and saves it. A student's variables are
  /// called the same in every arm, so that both arms start from the same numbers. `teacher` is a teacher's folder, which
  /// a student's card names.
  func train(
    _ setup: TrainingSetup, _ options: TrainingOptions, folder: RunFolder, origins: RunOrigins,
    store: VariableStore, prefix: String, profiles: RunProfiles, export: ModelExport,
    teacher: ModelDirectory? = nil, clock: RunClock? = nil
  ) throws {
    let begun = try begin(in: store, prefix: prefix)
    note(
      "\(name): \(counted(model.parameterCount, "parameter")), \(begun); loss = \(setup.objective.formula)"
    )
    let trainer = try Trainer(
      setup.objective, parameters: model.parameters(prefix: prefix), data: setup.data,
      validation: setup.validation, options: options, origins: origins.fingerprint, store: store)
    func measuredPeak() throws -> Double? {
      try (store.device as? OpenCLDevice)?.measurePeaks()
        .flopsPerSecond(of: options.precision.storage)
    }
    var peak = try measuredPeak()
    let flops = trainer.flopsPerStep
    let checkpoint = try folder.claim(folder.checkpoint(name))
    let best = try setup.validation.map { _ in try folder.claim(folder.best(name)) }
    let resumed = try Self.checkpointStep(checkpoint)
    let metrics = try folder.openMetrics(arm: name, resumingFrom: resumed)
    let events = try folder.tensorBoard(name)
    let (progress, start) = (ProgressLine(), ContinuousClock.now)
    var numbers = ""
    var interruptedAt: Int?
    var preparingSeconds = 0.0
    var reported: ContinuousClock.Instant?
    func show(_ event: TrainingEvent) throws {
      switch event {
      case .preparing(let done, let total):
        preparingSeconds = (ContinuousClock.now - start).seconds
        progress.showSlow(
          "\(name): \(store.device is OpenCLDevice ? "compiling kernels" : "first step")",
          done: done, of: total, since: start)
      case .tick(let step, let seconds):
        progress.show(
          name, done: step, of: options.stepCount, secondsEach: seconds, numbers,
          besides: clock?.secondsLeft(beside: name))
      case .step(let m):
        try metrics.append(MetricsRecord.fields(name, m, flops: flops))
        try events.append(step: m.step, MetricsRecord.scalars(m))
        // A loss that is all cross-entropy is not said twice.
        let keys = ["loss", "ce", "kl", "cosine"].filter {
          $0 != "ce" || m.means["ce"] != m.means["loss"]
        }
        let means = keys.compactMap { key in m.means[key].map { "\(key) \(fixed($0, 3))" } }
        // A step that is faster than the peak shows that other work slowed its measurement.
        if let known = peak, flops / max(m.secondsPerStep, 1e-9) > known {
          peak = max(known, try measuredPeak() ?? known)
        }
        let share = peak.map {
          ", \(fixed(100 * flops / max(m.secondsPerStep, 1e-9) / $0, 0)) % of peak"
        }
        let speed = "\(grouped(Int(m.targetsPerSecond))) \(m.unit)/s\(share ?? "")"
        numbers = (means + [speed]).joined(separator: "  ")
        progress.show(
          name, done: m.step, of: m.stepCount, secondsEach: m.secondsPerStep, numbers,
          besides: clock?.secondsLeft(beside: name))
      case .validation(let step, let loss):
        try metrics.append([
          ("arm", name), ("step", step), ("validation", loss), ("flops", flops * Double(step)),
          ("seconds", (ContinuousClock.now - start).seconds),
        ])
        try events.append(step: step, [("validation", loss)])
      case .checkpoint:
        // A report in progress is for somebody who looks now and then.
        if let reported, ContinuousClock.now - reported < .seconds(5) { break }
        reported = .now
        try folder.writeReport()
      case .interrupted(let step): interruptedAt = step
      }
    }
    let isDone = try trainer.run(
      checkpoint: checkpoint, best: best, onEvent: show, shouldStop: { Interrupt.wasRequested })
    progress.end()
    guard isDone else {
      warn(
        "Interrupted: \(interruptedAt ?? 0) of \(counted(options.stepCount, "step")) of the \(name) are saved. "
          + "Go on with `retort \(name == "model" ? "train" : "distill") "
          + "--run \(folder.name) --resume`, on the same --device.")
      throw ExitCode(130)
    }
    if trainer.keptStep < trainer.lastStep {
      note(
        "\(name): the weights of step \(trainer.keptStep) of \(trainer.lastStep) are kept, the best on validation text"
      )
    }
    try folder.finish(
      name, flops: flops * Double(trainer.lastStep), preparingSeconds: preparingSeconds)
    clock?.finish(name, seconds: (ContinuousClock.now - start).seconds)
    let card = ModelCard(
      arm: String(name.prefix { $0 != "-" }), origin: begun, bases: bases(teacher: teacher),
      formula: setup.objective.formula,
      options: options, stepCount: trainer.lastStep, keptStep: trainer.keptStep,
      parameterCount: model.parameterCount, use: export.use)
    try directory.save(
      model, from: store, prefix: prefix,
      export.options(
        source: keptFolder, teacher: cutFrom, card: card.markdown,
        width: (model as? any Encoder)?.width),
      willAppear: { try folder.claimModel(name, $0) })
    try profiles.add(name, trainer, on: store.device)
  }

  /// The models that this one comes from, `teacher` among them.
  private func bases(teacher: ModelDirectory?) -> [ModelCard.Base] {
    let source: ModelDirectory? =
      switch origin {
      case .new: nil
      case .folder(let source): source
      case .reduction(let reduction): reduction.directory
      }
    let isSame = source?.url.resolved == teacher?.url.resolved
    return [source, isSame ? nil : teacher].compactMap { $0 }.map(ModelCard.Base.init)
  }

  /// The teacher that the model was cut from.
  private var cutFrom: ModelDirectory? {
    if case .reduction(let reduction) = origin { reduction.directory } else { nil }
  }

  /// The folder whose other files go with the model: that of the model itself, or of an encoder that it
  /// was cut from, whose files say how its states are pooled.
  private var keptFolder: ModelDirectory? {
    switch origin {
    case .folder(let source): source
    case .reduction(let reduction) where model is any Encoder: reduction.directory
    case .reduction, .new: nil
    }
  }

  /// Declares the variables, for a plan in which nobody asks for their values.
  func plan(in store: VariableStore, prefix: String) throws {
    try model.declare(in: store, prefix: prefix)
  }

  /// Declares the variables as the finished model has them, where the store does not know them.
  func planFinished(in store: VariableStore) throws {
    let parameters = model.parameters(prefix: name)
    guard let first = parameters.first, store.entry(first.tensor) == nil else { return }
    if case .folder = origin {
      try directory.loadFrozen(model, into: store, prefix: name)
    } else {
      for (name, tensor) in parameters { try store.declare(name, tensor, role: .frozen) }
    }
  }

  private static func checkpointStep(_ url: URL) throws -> Int {
    guard FileManager.default.fileExists(atPath: url.path) else { return 0 }
    return try Safetensors(contentsOf: url).metadata["step"].flatMap { Int($0) } ?? 0
  }
}
