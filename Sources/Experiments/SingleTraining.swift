// The training of one model without a teacher, whatever kind of model it is.
import Base
import Foundation
import Models
import Storage
import Tensors
import Training

/// A kind of model, as far as the training of one has to know it. `SingleTraining` does the rest.
package protocol TrainingTask: AnyObject {
  /// The keys that this kind of model adds to recipes, with their defaults.
  static var recipeParts: [any RecipePart] { get }
  /// The model.
  var arm: Arm { get }
  /// How the finished model is written.
  var export: ModelExport { get }
  /// Reads the data; everything below is asked for afterwards.
  func readData() throws -> TaskData
  /// Notes what the model starts from.
  func addOrigins(to origins: inout RunOrigins) throws
  /// What the task finds before a run; costs and passes over the data are not its part.
  func findings(on device: any Device) throws -> [Finding]
  /// What the model is trained on.
  func setup() throws -> TrainingSetup
  /// The metric by which models are compared at a glance.
  var quality: String { get }
  /// The columns of speeds, which are not measured.
  var speed: [Metric] { get }
  /// What is found of the model, whose variables are in `store`.
  func evaluate(_ store: VariableStore, _ report: @escaping ProgressReport) throws -> ArmEvaluation
}

/// The training of one model, from what is looked at before to its numbers on held-out data.
package struct SingleTraining {
  private var recipe: TrainRecipe
  private let task: any TrainingTask
  private let folder: RunFolder

  /// `folder` is where the model lies, or would.
  package init(_ recipe: TrainRecipe, _ task: any TrainingTask, in folder: RunFolder) {
    (self.recipe, self.task, self.folder) = (recipe, task, folder)
  }

  private var options: TrainingOptions {
    recipe.training.options(for: recipe.model, seed: recipe.seed)
  }

  /// Settles what passes over the data and a budget decide; says what was chosen.
  private mutating func prepare(
    _ data: TaskData, on device: any Device, since start: ContinuousClock.Instant,
    _ observer: RunObserver
  ) throws -> (phase: TrainingPhase, chosen: [Finding]) {
    recipe.model.settleSteps(on: data.training, recipe.training)
    let (arm, setup) = (task.arm, try task.setup())
    let phase = TrainingPhase(
      arm.name, options: options, sharing: FrozenWeights(on: device)
    ) { store in
      try arm.plan(in: store, prefix: arm.name)
      return (arm.adapted(setup), arm.trained(prefix: arm.name))
    }
    return (
      phase, try recipe.settle(phase, judgedRows: data.judgedRows, since: start, observer)
    )
  }

  /// What would spoil the training silently.
  private func findings(_ data: TaskData, _ phase: TrainingPhase) throws -> [Finding] {
    let isValidated = try task.setup().validation != nil
    let patience: [Finding] =
      options.patience > 0 && !isValidated
      ? [
        .warning(
          "training.patience has nothing to go by: no row is spared for validation"
        )
      ] : []
    return try task.findings(on: phase.device)
      + [.passes(options, over: data.training, isValidated: isValidated)] + patience
      + [TrainingPlan(phases: [(phase, options.stepCount)], device: phase.device).cost()]
  }

  /// What a doctor says, without a run.
  package mutating func examination(on device: any Device, _ observer: RunObserver) throws
    -> RunExamination
  {
    let data = try observer.during(.reading, "data") { try task.readData() }
    let (phase, chosen) = try prepare(data, on: device, since: .now, observer)
    let found = try observer.during(.examining, "run") { try findings(data, phase) }
    return RunExamination(
      data: data.description, findings: chosen + found, sample: data.sample)
  }

  /// Trains the model where that is not done, and measures it; `start` is when the command began.
  package mutating func run(
    on device: any Device, _ options: RunOptions, since start: ContinuousClock.Instant,
    _ observer: RunObserver
  ) throws {
    let run = Run(in: folder, options, observer)
    let before = recipe.model.steps
    let isLonger = try options.stepCount.map { try recipe.model.lengthen(to: $0) } ?? false
    let data = try observer.during(.reading, "data") { try task.readData() }
    try observer.tell(.opened(device: device.name, data: data.description))
    let (phase, chosen) = try prepare(data, on: device, since: start, observer)
    let arm = task.arm
    // Nothing is noted of a longer run that could not go on.
    if isLonger { try folder.requireReplaceable(arm.name, stepCount: recipe.model.steps) }
    var origins = RunOrigins()
    try origins.add(recipe, writtenTo: folder.recipe)
    origins.add("the data", data.fingerprint)
    try task.addOrigins(to: &origins)
    try run.begin(
      recipe, isLonger: isLonger, origins: origins, on: device,
      data: data, phases: [phase]
    ) { try chosen + findings(data, phase) }
    if isLonger { try observer.tell(.longer(before, recipe.model.steps)) }
    run.clock = try RunClock(
      ofOne: arm.name, phase, stepCount: recipe.model.steps,
      judgedSteps: Double(data.judgedRows) / Double(recipe.training.rowsPerStep), in: folder)
    if !folder.isFinished(arm.name, stepCount: recipe.model.steps) {
      try ArmTraining(
        arm, try task.setup(), self.options, in: run,
        store: VariableStore(on: device, seed: recipe.seed)
      ).train(prefix: arm.name, task.export)
    }
    try run.end(try judge(on: device, run), in: RunFolder.evaluation)
  }

  /// Measures the model on held-out data.
  private func judge(on device: any Device, _ run: Run) throws -> Outcome {
    let (start, arm) = (ContinuousClock.now, task.arm)
    let store = VariableStore(on: device, seed: recipe.seed)
    try run.during(.loading, arm.name) { try arm.load(into: store) }
    let evaluation = try run.judge(arm.name) { report in try task.evaluate(store, report) }
    let found = ArmResult(
      arm.name, parameterCount: arm.model.parameterCount, [evaluation], speed: task.speed,
      cost: folder.cost(of: arm.name))
    return Outcome(
      [found], quality: task.quality, answers: nil, sentences: [],
      seconds: (ContinuousClock.now - start).seconds)
  }
}
