// One flow for every kind of model: teacher, students, controls, verdict.
import Distillation
import Foundation
import Models
import Storage
import Tensors

/// A distillation with its controls and its verdict.
struct Experiment {
  private var recipe: DistillRecipe
  private let task: any LearningTask
  private let folder: RunFolder

  /// `folder` is where the run's models lie, or would.
  init(_ recipe: DistillRecipe, _ task: any LearningTask, in folder: RunFolder) {
    (self.recipe, self.task, self.folder) = (recipe, task, folder)
  }

  /// The task follows from the teacher's family.
  init(_ recipe: DistillRecipe, in folder: RunFolder) throws {
    let path = recipe.teacher.path
    let isEncoder =
      try !path.isEmpty && ModelDirectory(URL(fileURLWithPath: path)).model() is any Encoder
    let task: any LearningTask =
      isEncoder ? try SentenceTask(recipe, in: folder) : try LanguageTask(recipe, in: folder)
    self.init(recipe, task, in: folder)
  }

  /// What is known before the run, and what it costs.
  private mutating func prepare(
    _ data: TaskData, _ weights: FrozenWeights, since start: ContinuousClock.Instant
  ) throws -> (plan: DistillationPlan, chosen: [Finding]) {
    let plan = try DistillationPlan(task, recipe, data, weights)
    return (plan, try plan.settle(&recipe, judgedRows: data.judgedRows, since: start))
  }

  private func findings(
    _ data: TaskData, _ weights: FrozenWeights, _ plan: DistillationPlan
  ) throws -> [Finding] {
    try task.findings(weights)
      + [
        .passes(
          recipe.training.options(for: recipe.student, seed: recipe.seed), over: data.slice,
          isValidated: plan.isValidated)
      ]
      + recipe.evidence(data.judgedRows, task.measure.rows) + plan.findings(recipe)
  }

  /// What `retort doctor` shows, without a run.
  mutating func examination(on device: any Device) throws -> (data: TaskData, findings: [Finding]) {
    let data = try task.readData()
    let weights = try task.readTeachers(on: device)
    let (plan, chosen) = try prepare(data, weights, since: .now)
    return (data, try chosen + findings(data, weights, plan))
  }

  /// Runs everything that is not done yet; `start` is when the command began.
  mutating func run(_ arguments: RunArguments, since start: ContinuousClock.Instant) throws {
    let (device, data) = try arguments.open { try task.readData() }
    let weights = try task.readTeachers(on: device)
    let (plan, chosen) = try prepare(data, weights, since: start)
    var origins = RunOrigins()
    try origins.add(recipe)
    origins.add("the text", data.fingerprint)
    try task.addOrigins(weights, to: &origins)
    try arguments.begin(
      recipe, in: folder, origins: origins, on: device, data: ("\(data)", data.fingerprint),
      phases: plan.phases
    ) { try chosen + findings(data, weights, plan) }
    let clock = try plan.clock(recipe, judgedRows: data.judgedRows, in: folder)
    let profiles = RunProfiles(arguments.profiling, in: folder)
    let trials = try Trial.all(of: recipe) { try task.arm($0) }

    /// Trains an arm that is not finished, as `setup` says for its store.
    func train(
      _ arm: Arm, _ sizes: ModelRecipe, seed: UInt64, as prefix: String, teacher: Arm? = nil,
      _ setup: (VariableStore) throws -> TrainingSetup
    ) throws {
      guard !folder.isFinished(arm.name) else { return }
      let store = weights.sharing(seed: seed)
      try arm.train(
        setup(store), recipe.training.options(for: sizes, seed: seed), folder: folder,
        origins: origins, store: store, prefix: prefix, profiles: profiles, export: task.export,
        teacher: teacher?.directory, clock: clock)
    }
    if let teacher = task.teacher, task.isTeacherTrained {
      try train(teacher, recipe.teacher, seed: recipe.seed, as: teacher.name) { _ in
        try task.teacherSetup()
      }
      try teacher.load(into: weights)
    }
    for trial in trials {
      // Same names, same seed, same batches: to a control only the teacher is missing.
      try train(
        trial.student, recipe.student, seed: trial.seed, as: "student", teacher: task.teacher
      ) { try task.studentSetup(trial.student, in: $0) }
      for control in trial.controls {
        let sizes = try plan.controlRecipe(control.question, recipe)
        try train(control.arm, sizes, seed: trial.seed, as: "student") { _ in
          try task.controlSetup(control.arm)
        }
      }
    }
    try judge(trials, plan, weights).publish(in: folder)
  }

  // MARK: Judging

  /// Measures all arms, and draws the verdict.
  private func judge(_ trials: [Trial], _ plan: DistillationPlan, _ weights: FrozenWeights) throws
    -> Outcome
  {
    let start = ContinuousClock.now
    try task.teacher?.load(into: weights)
    let speeds = try speeds(of: trials[0].student, weights)
    var results: [ArmResult] = []
    var samples: [Outcome.Sample] = []
    /// Adds what is found of the arms of one name, one for each seed, and a sample of the first.
    func add(_ name: String, _ arms: [Arm], isTeacher: Bool = false) throws -> [[Double]] {
      var evaluations: [ArmEvaluation] = []
      for (index, arm) in arms.enumerated() {
        let store = weights.sharing(seed: recipe.seed)
        if !isTeacher { try arm.load(into: store) }
        let progress = JudgingProgress(arm.name, in: folder, command: DistillRecipe.command)
        evaluations.append(
          try task.evaluate(arm, isTeacher: isTeacher, store, progress))
        guard index == 0, let made = try task.sample(arm, store) else { continue }
        try progress.check()
        if samples.isEmpty { try tell() }
        samples.append(.init(arm: name, prompt: made.prompt, text: made.text))
        try tell("\(Question.title(ofArm: name)): \(made.prompt)|\(made.text)\n")
      }
      results.append(
        ArmResult(
          name, parameterCount: arms[0].model.parameterCount, evaluations,
          speed: isTeacher ? speeds.teacher : speeds.student, cost: folder.cost(of: arms[0].name)))
      return evaluations.map(\.losses)
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
  private func speeds(of student: Arm, _ weights: FrozenWeights) throws -> (
    teacher: [Metric], student: [Metric]
  ) {
    let store = weights.sharing(seed: recipe.seed)
    try student.load(into: store)
    let progress = JudgingProgress("speed", in: folder, command: DistillRecipe.command)
    let measured = [task.teacher, student].compactMap { $0 }
    let speeds = try task.speeds(measured, store, check: progress.check)
    return (task.teacher == nil ? [] : speeds[0], speeds[speeds.count - 1])
  }
}
