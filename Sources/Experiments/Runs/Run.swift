// A run under way: its folder, what it started from, and who watches it.
import Base
import Distillation
import Storage
import Tensors
import Training

/// How a run is begun.
package struct RunOptions {
  /// Whether it goes on with what is in the folder.
  package var resumes = false
  /// Whether it begins even where something refuses it.
  package var isForced = false
  /// The command that began it, as a person wrote it.
  package var command: [String] = []
  package var profiling = Profiling()
  /// How many steps a run that goes on is to have, if it becomes longer: those of student and controls, or of the one model.
  package var stepCount: Int?
  /// The recipe of a program that gives it anew in every process, before anything is settled.
  package var program: String?

  package init() {}
}

/// Everything that the trainings of a run share.
package final class Run {
  package let folder: RunFolder
  package let observer: RunObserver
  private let options: RunOptions
  /// What the run started from.
  package private(set) var origins = RunOrigins()
  private(set) var profiles: RunProfiles
  /// SHA-256 of the files of models that others come from.
  let hashes = FileHashes()
  /// Settled once the plan is.
  package var clock = RunClock([])

  package init(in folder: RunFolder, _ options: RunOptions, _ observer: RunObserver) {
    (self.folder, self.options, self.observer) = (folder, options, observer)
    profiles = RunProfiles(options.profiling, in: folder)
  }

  /// Says what was found before a run, and begins it in its folder; throws where something refuses it and nobody insists.
  /// What was overruled is kept in the folder. A run that goes on was looked at when it began; what it reads must be what
  /// it read then, but for the steps of one that `isLonger`.
  package func begin(
    _ recipe: some Recipe, isLonger: Bool, origins: RunOrigins, on device: any Device,
    data: TaskData, phases: [TrainingPhase],
    after find: () throws -> [Finding]
  ) throws {
    self.origins = origins
    guard !options.resumes else {
      self.origins = try origins.same(in: folder)
      if isLonger { self.origins = try folder.lengthen(recipe, self.origins, by: options) }
      return try observer.tell(.begun)
    }
    let findings = try observer.during(.examining, "run", find)
    for finding in findings { try observer.tell(.found(finding)) }
    let refusals = findings.filter { $0.level == .refusal }
    guard refusals.isEmpty || options.isForced else {
      throw UserError(
        "\(refusals.map(\.text).joined(separator: "; ")).", remedy: .beginAllTheSame)
    }
    let memory = phases.compactMap { phase in
      (try? phase.cost().byteCount).map { (name: phase.name, bytes: $0) }
    }
    var about = RunAbout(
      command: options.command, device: device.name, data: data.description, files: data.sources,
      dataFingerprint: data.fingerprint, findings: findings,
      changes: try RecipeTree(recipe).differences(from: RecipeTree(recipe.defaults)),
      memory: memory, program: options.program
    )
    about.answers = data.answers
    try folder.begin(recipe, origins: origins, about: about)
    try observer.tell(.begun)
  }

  /// Does something, and says what: loading, judging and the like.
  package func during<Result>(
    _ kind: Activity.Kind, _ subject: String, _ body: () throws -> Result
  ) throws -> Result {
    let outlook = clock.outlook(beside: subject)
    // What is trained is saved, whoever wants to stop.
    if kind == .saving {
      try observer.tell(.progress(Activity(kind: kind, subject: subject), outlook: outlook))
      return try body()
    }
    return try observer.during(kind, subject, outlook: outlook, stage: .before(subject), body)
  }

  /// Measures an arm: `body` is given what it calls with its progress, and throws where the run is to stop.
  package func judge<Result>(
    _ arm: String, _ body: (_ report: @escaping ProgressReport) throws -> Result
  ) throws -> Result {
    let start = ContinuousClock.now
    let part = RunClock.judging(arm)
    let result = try body(report(.judging, arm, stage: .judging(arm: arm), part: part))
    clock.finish(part, seconds: (ContinuousClock.now - start).seconds)
    return result
  }

  /// Asks a model: `body` is given what it calls with its progress, and throws where the run is to stop.
  func ask(_ name: String, _ body: (_ report: @escaping ProgressReport) throws -> Void) throws {
    try body(report(.asking, name, stage: .before(name), part: name))
  }

  private func report(
    _ kind: Activity.Kind, _ subject: String, stage: RunInterrupted.Stage, part: String
  ) -> ProgressReport {
    let start = ContinuousClock.now
    return { [observer, clock] done, total, unit in
      try observer.check(stage)
      var activity = Activity(kind: kind, subject: subject, progress: (done, total), unit: unit)
      if done > 0 {
        activity.secondsPerPart = (ContinuousClock.now - start).seconds / Double(done)
      }
      try observer.tell(.progress(activity, outlook: clock.outlook(beside: part)))
    }
  }

  /// Leaves what was found in the folder, in the models' cards and in the report.
  package func end(_ outcome: Outcome, in file: String) throws {
    let about = folder.about
    try folder.write(outcome.json(of: about).json + "\n", to: file)
    try folder.describe(outcome.arms.map(\.arm), by: outcome)
    try folder.writeReport()
    try observer.tell(.ended(outcome, about: about))
  }
}

/// What evaluations call with the parts that are done, all parts and what they are called; it may throw.
public typealias ProgressReport = (_ done: Int, _ total: Int, _ unit: String) throws -> Void
