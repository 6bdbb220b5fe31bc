// The training of one arm: from where its checkpoint left it to its saved model.
import Base
import Foundation
import Models
import Storage
import Tensors
import Training

/// An arm of a run that is trained.
package struct ArmTraining {
  private let arm: Arm
  private let setup: TrainingSetup
  private let options: TrainingOptions
  private let run: Run
  private let store: VariableStore

  /// The arm's variables come to lie in `store`.
  package init(
    _ arm: Arm, _ setup: TrainingSetup, _ options: TrainingOptions, in run: Run,
    store: VariableStore
  ) {
    (self.arm, self.setup, self.options) = (arm, arm.adapted(setup), options)
    (self.run, self.store) = (run, store)
  }

  private var name: String { arm.name }

  /// Trains the arm and saves it. A student's variables are called `prefix` in every arm, so that all start from the same
  /// numbers. `teachers` are what a student learns from, which its card and lineage name.
  package func train(prefix: String, _ export: ModelExport, teachers: [LearntTeacher] = []) throws {
    let (folder, observer, clock) = (run.folder, run.observer, run.clock)
    try folder.requireReplaceable(name, stepCount: options.stepCount)
    let begun = try run.during(.loading, name) { try arm.begin(in: store, prefix: prefix) }
    try observer.tell(
      .note(
        "\(name): \(counted(arm.model.parameterCount, "parameter")), \(begun); loss = \(setup.objective.formula)"
      ))
    let trainer = try run.during(.preparing, name) {
      try Trainer(
        setup.objective, parameters: arm.trained(prefix: prefix), data: setup.data,
        validation: setup.validation, options: options, origins: run.origins.identity,
        store: store)
    }
    var log = try ArmLog(
      name, trainer, options, on: store.device, in: folder, observer,
      resumingFrom: try Self.checkpointStep(folder.claim(folder.checkpoint(name))))
    let best = try setup.validation.map { _ in try folder.claim(folder.best(name)) }
    let isDone = try trainer.run(
      checkpoint: folder.claim(folder.checkpoint(name)), best: best,
      onEvent: { try log.add($0, clock.outlook(beside: name)) },
      shouldStop: { observer.wantsToStop })
    guard isDone else {
      throw RunInterrupted(
        stage: .training(arm: name, step: log.interruptedAt ?? 0, of: options.stepCount))
    }
    if trainer.keptStep < trainer.lastStep {
      try observer.tell(
        .note(
          "\(name): the weights of step \(trainer.keptStep) of \(trainer.lastStep) are kept, the best on validation rows"
        ))
    }
    try run.during(.saving, name) {
      try save(prefix: prefix, export, teachers: teachers, begun: begun, trainer)
    }
    // A model without such a note is that of a shorter training.
    try folder.finish(
      name, stepCount: options.stepCount, flops: trainer.flopsPerStep * Double(trainer.lastStep),
      preparingSeconds: log.preparingSeconds)
    clock.finish(name, seconds: log.seconds)
    try run.profiles.add(name, trainer, on: store.device, observer)
  }

  private func save(
    prefix: String, _ export: ModelExport, teachers: [LearntTeacher], begun: String,
    _ trainer: Trainer
  ) throws {
    let kind = String(name.prefix { $0 != "-" })
    let origins = LineageOrigins(
      base: arm.base, teachers: teachers, answers: run.folder.about?.answers ?? [])
    let lineage = Lineage(
      Lineage.Model(
        name: kind, task: export.use.pipelineTag, architecture: arm.model.architecture,
        family: arm.model.modelType, parameterCount: arm.model.parameterCount),
      training: JSON.Object([
        ("weights_before", .string(begun)), ("loss", .string(setup.objective.formula)),
        ("steps", JSON(trainer.lastStep)), ("kept_step", JSON(trainer.keptStep)),
        ("seed", .number("\(options.seed)")),
      ]), sources: try origins.sources(run.hashes), about: run.folder.about)
    let card = ModelCard(
      arm: kind, origin: begun, bases: origins.folders, lineage: lineage,
      formula: setup.objective.formula, options: options, stepCount: trainer.lastStep,
      keptStep: trainer.keptStep, parameterCount: arm.model.parameterCount,
      adapter: arm.adapter, use: export.use)
    var written = try export.options(for: arm, card: card.markdown)
    written.files += origins.licenceTexts
    written.records = { try lineage.describing($0, as: kind).records }
    let claim: ([String]) throws -> Void = { try run.folder.replaceModel(name, by: $0) }
    if let adapter = arm.adapter, let base = arm.base {
      try arm.directory.save(
        adapter, of: arm.model, for: base, from: store, prefix: prefix, written,
        willAppear: claim)
    } else {
      try arm.directory.save(
        arm.model, from: store, prefix: prefix, written, willAppear: claim)
    }
  }

  private static func checkpointStep(_ url: URL) throws -> Int {
    guard FileManager.default.fileExists(atPath: url.path) else { return 0 }
    return try Safetensors(contentsOf: url).metadata["step"].flatMap { Int($0) } ?? 0
  }
}

/// What becomes of a trainer's events: lines of metrics, TensorBoard's events, a report in progress, and what observers
/// hear.
private struct ArmLog {
  private let name: String
  private let options: TrainingOptions
  private let device: any Device
  private let folder: RunFolder
  private let observer: RunObserver
  private let metrics: JSONLines
  private let events: TensorBoardFile
  /// Floating-point operations of a step, and what the device can do in a second.
  private let flops: Double
  private var peak: Double?

  private let resumedStep: Int
  private let start: ContinuousClock.Instant
  private var reported: ContinuousClock.Instant?
  private(set) var interruptedAt: Int?
  private(set) var preparingSeconds = 0.0
  var seconds: Double { (ContinuousClock.now - start).seconds }

  init(
    _ name: String, _ trainer: Trainer, _ options: TrainingOptions, on device: any Device,
    in folder: RunFolder, _ observer: RunObserver, resumingFrom step: Int
  ) throws {
    (self.name, self.options, self.device) = (name, options, device)
    (self.folder, self.observer, flops) = (folder, observer, trainer.flopsPerStep)
    peak = try Self.peak(of: device, options)
    (start, resumedStep) = (.now, step)
    let damaged: Int
    (metrics, damaged) = try folder.openMetrics(arm: name, resumingFrom: step)
    events = try folder.tensorBoard(name)
    if damaged > 0 {
      try observer.tell(
        .warning(
          "\(damaged == 1 ? "A line" : "\(damaged) lines") of metrics.jsonl cannot be read and is left out"
        ))
    }
  }

  private static func peak(of device: any Device, _ options: TrainingOptions) throws -> Double? {
    try device.measuredPeaks()?.flopsPerSecond(of: options.precision.storage)
  }

  mutating func add(_ event: TrainingEvent, _ outlook: Outlook) throws {
    switch event {
    case .preparing(let done, let total):
      try observer.check(.training(arm: name, step: resumedStep, of: options.stepCount))
      preparingSeconds = seconds
      let kind: Activity.Kind = device is ReferenceDevice ? .beginning : .compiling
      try observer.tell(
        .progress(
          Activity(
            kind: kind, subject: name, progress: (done, total), unit: "launches",
            secondsPerPart: done > 0 ? seconds / Double(done) : nil), outlook: outlook))
    case .tick(let step, let secondsPerStep):
      try show(step: step, secondsPerStep, outlook)
    case .step(let m):
      try metrics.append(MetricsRecord.fields(name, m, flops: flops))
      try events.append(step: m.step, MetricsRecord.scalars(m))
      let speed = flops / max(m.secondsPerStep, 1e-9)
      // A step that is faster than the peak shows that other work slowed its measurement.
      if let known = peak, speed > known {
        peak = max(known, try Self.peak(of: device, options) ?? known)
      }
      try observer.tell(.step(arm: name, m, shareOfPeak: peak.map { speed / $0 }))
      try show(step: m.step, m.secondsPerStep, outlook)
    case .validation(let step, let loss, let seconds):
      try metrics.append([
        ("arm", name), ("step", step), ("validation", loss), ("flops", flops * Double(step)),
        ("seconds", seconds),
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

  private func show(step: Int, _ secondsPerStep: Double, _ outlook: Outlook) throws {
    try observer.tell(
      .progress(
        Activity(
          kind: .training, subject: name, progress: (step, options.stepCount), unit: "steps",
          secondsPerPart: secondsPerStep), outlook: outlook))
  }
}
