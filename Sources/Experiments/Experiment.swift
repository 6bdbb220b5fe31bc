// One flow for every kind of model: teacher, students, controls, verdict.
import Base
import Distillation
import Foundation
import Models
import Storage
import Tensors

/// A distillation with its controls and its verdict.
///
/// Its folder holds everything that a run leaves behind: recipe, metrics, checkpoints, models, verdict and report.
public struct Experiment {
  var recipe: DistillRecipe
  var task: any LearningTask
  let folder: RunFolder

  /// A recipe and a task for it; `folder` is where the run's models lie, or would. Traps where the recipe lacks keys that the task
  /// adds.
  public init(_ recipe: DistillRecipe, _ task: any LearningTask, in folder: RunFolder) {
    demand(
      type(of: task).recipeParts.allSatisfy { part in
        recipe.parts.contains { type(of: $0) == type(of: part) }
      }, "an experiment's recipe has the keys of its task: make it with DistillRecipe(for:)")
    (self.recipe, self.task, self.folder) = (recipe, task, folder)
  }

  private func findings(
    _ data: TaskData, _ weights: FrozenWeights, _ plan: DistillationPlan
  ) throws -> [Finding] {
    try recipe.terms.findings(finishedTeachers(data)) + task.findings(weights)
      + [
        .passes(
          recipe.training.options(for: recipe.student, seed: recipe.seed), over: data.slice,
          isValidated: plan.isValidated)
      ]
      + recipe.evidence(data.judgedRows, task.measure) + plan.findings(recipe)
  }

  /// What a doctor says, without a run.
  package mutating func examination(
    on device: any Device, _ observer: RunObserver
  ) throws -> RunExamination {
    var data = try observer.during(.reading, "data") { try task.readData() }
    let weights = try observer.during(.loading, "teacher") {
      try task.readTeachers(on: device)
    }
    let (plan, chosen) = try prepare(&data, weights, since: .now, observer)
    let found = try observer.during(.examining, "run") {
      try findings(data, weights, plan)
    }
    return RunExamination(data: data.description, findings: chosen + found, sample: data.sample)
  }

  /// Begins the run in its folder, or goes on with the one that the folder holds, whatever steps and seeds that one settled. A recipe
  /// that has become one of more student.steps makes the run longer.
  /// With `overwrite` a run in the folder is deleted first.
  ///
  /// `shouldStop` is asked at every step and between activities: a run that is stopped throws `RunInterrupted` and goes on
  /// with the same bits when it is run again. What `onEvent` throws ends it too. Throws `UserError` where the folder holds
  /// other files, where recipe, data or trainings have changed since the run began, and what the task throws.
  @discardableResult
  public mutating func run(
    on device: any Device, overwrite: Bool = false,
    onEvent: @escaping (RunEvent) throws -> Void = { _ in },
    shouldStop: @escaping () -> Bool = { false }
  ) throws -> Outcome {
    var options = RunOptions()
    options.command = CommandLine.arguments
    options.program = try recipe.yaml()
    options.resumes = folder.holdsRun && !overwrite
    defer { folder.release() }
    if options.resumes {
      try folder.resume()
      options.stepCount = try stepsOfLongerProgram(try recipe.yaml())
      recipe = try .load(file: folder.recipe.path, settings: [], parts: recipe.parts)
    } else {
      try folder.requireFree(overwrite: overwrite, sources: recipe.sources)
    }
    return try run(
      on: device, options, since: .now, RunObserver(shouldStop: shouldStop, onEvent: onEvent))
  }

  /// The steps that a program's recipe has now, where these have become more since the run in the folder began; nil where nothing has
  /// changed. Throws where anything else has, and names the keys.
  private func stepsOfLongerProgram(_ yaml: String) throws -> Int? {
    guard let before = folder.about?.program, before != yaml,
      let was = RecipeFile(text: before), let now = RecipeFile(text: yaml)
    else { return nil }
    let changed = now.lines.filter { $0.value != was[$0.key] }
    if changed.map(\.key) == ["student.steps"], now.lines.count == was.lines.count,
      let steps = Int(changed[0].value), steps > Int(was["student.steps"] ?? "") ?? .max
    {
      return steps
    }
    let changes = changed.map {
      "\($0.key) is \($0.value) and was \(was[$0.key] ?? "not there")"
    }
    let gone = was.lines.filter { now[$0.key] == nil }.map { "\($0.key) is gone" }
    throw UserError(
      "The program's recipe has changed since the run in \(folder.name) began: "
        + (changes + gone).joined(separator: "; ")
        + ". Put back what was there, or begin a run in another folder.", remedy: .startAnew)
  }

  /// Runs everything that is not done yet; `start` is when the command began.
  @discardableResult
  package mutating func run(
    on device: any Device, _ options: RunOptions, since start: ContinuousClock.Instant,
    _ observer: RunObserver
  ) throws -> Outcome {
    let run = Run(in: folder, options, observer)
    let before = recipe.student.steps
    let isLonger = try options.stepCount.map { try recipe.student.lengthen(to: $0) } ?? false
    var data = try observer.during(.reading, "data") { try task.readData() }
    try observer.tell(.opened(device: device.name, data: data.description))
    let weights = try observer.during(.loading, "teacher") {
      try task.readTeachers(on: device)
    }
    let (plan, chosen) = try prepare(&data, weights, since: start, observer)
    // A run that goes on was decided on when it began, by whatever version that was.
    let teachers = try teachers(data, isDecided: options.resumes)
    var origins = RunOrigins()
    try origins.add(recipe, writtenTo: folder.recipe)
    // What a program has now is compared once it is noted.
    if let program = isLonger ? folder.about?.program : options.program {
      origins.add(program: program)
    }
    origins.add("the data", data.fingerprint)
    try task.addOrigins(weights, to: &origins)
    try addTrainings(to: &origins)
    let trials = try Trial.all(of: recipe) { try task.arm($0) }
    if isLonger { try requireReplaceable(trials, plan) }
    try run.begin(
      recipe, isLonger: isLonger, origins: origins, on: device,
      data: data, phases: plan.phases
    ) { try chosen + findings(data, weights, plan) }
    if isLonger { try observer.tell(.longer(before, recipe.student.steps)) }
    run.clock = try plan.clock(recipe, judgedRows: data.judgedRows, in: folder)
    try train(trials, plan, teachers, weights, run)
    let outcome = try judge(trials, plan, data, weights, run)
    try run.end(outcome, in: RunFolder.verdict)
    return outcome
  }

  /// Notes what each kind of training makes small, and the shapes of its model: a task may be changed between two processes.
  private func addTrainings(to origins: inout RunOrigins) throws {
    func add(_ name: String, _ arm: Arm, _ setup: TrainingSetup) {
      let setup = arm.adapted(setup)
      let shapes = arm.model.parameters().map { "\($0.name) \($0.tensor.shape)" }
      origins.add(training: name, ([setup.objective.formula] + shapes).joined(separator: "\n"))
    }
    if let teacher = task.teacher, teacher.isTrained {
      add("teacher", teacher, try task.teacherSetup())
    }
    add("student", task.student, try task.studentSetup(task.student, in: nil))
    add("control", task.student, try task.controlSetup(task.student))
  }

  /// Nothing is noted of a longer run that could not go on.
  private func requireReplaceable(_ trials: [Trial], _ plan: DistillationPlan) throws {
    for trial in trials {
      try folder.requireReplaceable(trial.student.name, stepCount: recipe.student.steps)
      for control in trial.controls {
        try folder.requireReplaceable(
          control.arm.name, stepCount: try plan.controlSteps(control.question, recipe))
      }
    }
  }

  /// Trains every arm that is not finished.
  private func train(
    _ trials: [Trial], _ plan: DistillationPlan, _ teachers: [LearntTeacher],
    _ weights: FrozenWeights, _ run: Run
  ) throws {
    func train(
      _ arm: Arm, _ schedule: ArmRecipe, seed: UInt64, as prefix: String,
      teachers: [LearntTeacher] = [],
      _ setup: (VariableStore) throws -> TrainingSetup
    ) throws {
      guard !folder.isFinished(arm.name, stepCount: schedule.steps) else { return }
      let store = weights.sharing(seed: seed)
      try ArmTraining(
        arm, setup(store), recipe.training.options(for: schedule, seed: seed), in: run, store: store
      ).train(prefix: prefix, task.export, teachers: teachers)
    }
    if let teacher = task.teacher, task.isTeacherTrained {
      try train(teacher, recipe.teacher, seed: recipe.seed, as: teacher.name) { _ in
        try task.teacherSetup()
      }
      try run.during(.loading, teacher.name) { _ = try teacher.load(into: weights) }
    }
    if !trials.allSatisfy({
      folder.isFinished($0.student.name, stepCount: recipe.student.steps)
    }) {
      try run.ask("teacher") { try task.askTeacher(weights, $0) }
    }
    for trial in trials {
      // Same names, same seed, same batches: to a control only the teacher is missing.
      try train(
        trial.student, recipe.student, seed: trial.seed, as: "student", teachers: teachers
      ) { try task.studentSetup(trial.student, in: $0) }
      for control in trial.controls {
        let schedule = try plan.controlRecipe(control.question, recipe)
        try train(control.arm, schedule, seed: trial.seed, as: "student") { _ in
          try task.controlSetup(control.arm)
        }
      }
    }
  }

  /// The folders of models whose predictions are learnt, with their shares.
  private func folders(_ data: TaskData) -> [(folder: ModelDirectory, share: Double)] {
    guard data.teachers.isEmpty else { return data.teachers }
    return task.teacher.map { [($0.directory, 1)] } ?? []
  }

  /// Those of them that somebody else has trained, whose terms are looked at.
  private func finishedTeachers(_ data: TaskData) -> [ModelOrigin] {
    let own = task.isTeacherTrained ? task.teacher?.directory.url : nil
    return folders(data).map(\.folder).filter { $0.url != own }.map(ModelOrigin.init)
  }

  /// What students learn from, with what was decided of its terms.
  private func teachers(_ data: TaskData, isDecided: Bool) throws -> [LearntTeacher] {
    let finished = finishedTeachers(data)
    let found = Result { try recipe.terms.decisions(on: finished) }
    let decisions = zip(finished, isDecided ? (try? found.get()) ?? [] : try found.get())
    return folders(data).map { teacher in
      let decision = decisions.first { $0.0.url == teacher.folder.url }?.1
      return LearntTeacher(folder: teacher.folder, share: teacher.share, terms: decision?.record)
    }
  }

  // MARK: Judging

  /// Measures all arms, and draws the verdict.
  private func judge(
    _ trials: [Trial], _ plan: DistillationPlan, _ data: TaskData, _ weights: FrozenWeights,
    _ run: Run
  ) throws -> Outcome {
    let start = ContinuousClock.now
    try run.during(.loading, "teacher") { _ = try task.teacher?.load(into: weights) }
    let speeds = try speeds(of: trials[0].student, weights, run)
    var results: [ArmResult] = []
    var samples: [Outcome.Sample] = []
    /// Adds what is found of the arms of one name, one for each seed, and a sample of the first.
    func add(_ name: String, _ arms: [Arm], isTeacher: Bool = false) throws -> [RowEvidence] {
      var evaluations: [ArmEvaluation] = []
      for (index, arm) in arms.enumerated() {
        let store = weights.sharing(seed: recipe.seed)
        if !isTeacher { try run.during(.loading, arm.name) { try arm.load(into: store) } }
        evaluations.append(
          try run.judge(arm.name) { report in
            try task.evaluate(arm, isTeacher: isTeacher, store, report)
          })
        guard index == 0 else { continue }
        try run.observer.check(.judging(arm: name))
        let made = try run.during(.sampling, name) { try task.sample(arm, store) }
        guard let made else { continue }
        let sample = Outcome.Sample(arm: name, prompt: made.prompt, text: made.text)
        samples.append(sample)
        try run.observer.tell(.sample(sample))
      }
      let result = ArmResult(
        name, parameterCount: arms[0].model.parameterCount, evaluations,
        speed: isTeacher ? speeds.teacher : speeds.student, cost: folder.cost(of: arms[0].name))
      for key in [task.measure.quality, task.measure.gap].compactMap({ $0 }) {
        demand(
          result.metrics.contains { $0.key == key },
          "a task compares models by \(key), which is no key of its metrics")
      }
      for evaluation in evaluations {
        demand(
          evaluation.evidence.rowCount == data.judgedRows,
          "a task judged the \(name) by \(evaluation.evidence.rowCount) rows of \(data.judgedRows)")
      }
      results.append(result)
      return evaluations.map(\.evidence)
    }
    if let teacher = task.teacher { _ = try add("teacher", [teacher], isTeacher: true) }
    let students = try add("student", trials.map(\.student))
    let answers = try recipe.distillation.questions.map { question in
      let controls = try add(question.arm, trials.compactMap { $0.control(question) })
      return Answers.Answer(
        question: question, verdict: Verdict(zip(students, controls).map { ($0, $1) }),
        controlSteps: try plan.controlSteps(question, recipe))
    }
    return Outcome(
      results, task.measure,
      Answers(answers: answers, task.measure, declined: recipe.distillation.withoutControl),
      samples: samples, seconds: (ContinuousClock.now - start).seconds)
  }

  /// The speed of the teacher, if it is a model, and of all students and controls, which have one shape.
  private func speeds(of student: Arm, _ weights: FrozenWeights, _ run: Run) throws -> (
    teacher: [Metric], student: [Metric]
  ) {
    let store = weights.sharing(seed: recipe.seed)
    try student.load(into: store)
    let measured = [task.teacher, student].compactMap { $0 }
    let speeds = try run.during(.measuring, "speed of models") {
      try task.speeds(measured, store) { try run.observer.check(.judging(arm: "speed")) }
    }
    demand(
      speeds.count == measured.count,
      "a task gave the speeds of \(speeds.count) models where \(measured.count) were asked for")
    return (task.teacher == nil ? [] : speeds[0], speeds[speeds.count - 1])
  }
}
