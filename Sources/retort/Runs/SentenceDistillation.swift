// `retort distill` with a sentence encoder for a teacher.
import Distillation
import Foundation
import Models
import Sentences
import Storage
import Tensors
import Tokenizers
import Training

/// Teacher, student, control, verdict, for vectors of sentences.
struct SentenceDistillation {
  private var recipe: DistillRecipe
  private let arguments: RunArguments
  private let folder: RunFolder
  private let teacher: Arm
  private let teacherEncoder: SentenceEncoder
  private let tokenizer: TokenizerDirectory
  /// The first student, which shows what all students and controls are.
  private let student: Arm
  private let arm: (String) throws -> Arm

  init(_ recipe: DistillRecipe, _ arguments: RunArguments, in folder: RunFolder) throws {
    self.recipe = recipe
    self.folder = folder
    self.arguments = arguments
    let teacher = try Arm("teacher", finished: recipe.teacher.path)
    self.teacher = teacher
    teacherEncoder = try SentenceEncoder(teacher.directory)
      .replacingEncoder(by: try teacher.encoder())
    let tokenizer = try TokenizerDirectory(teacher.directory.url)
    self.tokenizer = tokenizer
    let length = recipe.data.sequenceLength
    guard length <= teacherEncoder.maximumLength else {
      throw RecipeError(
        "data.sequence_length must be at most \(teacherEncoder.maximumLength), the teacher's.")
    }
    guard recipe.student.fromTeacher.isWanted || !recipe.student.path.isEmpty else {
      throw RecipeError(
        "the student of a sentence encoder is cut from it or a folder of its own: "
          + "--student 'from-teacher: {layers: [0, 2, 4]}'.")
    }
    guard recipe.distillation.cache.isEmpty else {
      throw RecipeError("distillation.cache is for language models.")
    }
    arm = { name in
      var arm = try Arm(
        name, recipe.student, teacher: teacher.directory, vocabularySize: 0,
        sequenceLength: length, folder: folder)
      _ = try arm.encoder()
      arm.beginsRandom = recipe.distillation.beginsRandom(name)
      return arm
    }
    student = try arm("student")
    if !recipe.student.path.isEmpty {
      let own = try TokenizerDirectory(URL(fileURLWithPath: recipe.student.path)).tokenizer
      guard own.hasSameTokens(as: tokenizer.tokenizer) else {
        throw StorageError("\(recipe.student.path) has another tokenizer than the teacher.")
      }
    }
  }

  private func sentences() throws -> RunSentences {
    let tables = [teacher.model.vocabularySize, student.model.vocabularySize]
    return try RunSentences(
      recipe.data, share: recipe.student.textShare, tokenizer.tokenizer, teacherEncoder,
      classCount: tables.min() ?? 0,
      seed: recipe.seed)
  }

  private func sentenceEncoder(_ arm: Arm) throws -> SentenceEncoder {
    teacherEncoder.replacingEncoder(by: try arm.encoder())
  }

  /// What each arm's training takes.
  private func plan(_ text: RunSentences, _ weights: FrozenWeights) -> DistillationPlan {
    func phase(
      _ name: String, validation: (any Dataset)?,
      _ prepare: @escaping (VariableStore) throws -> (any Objective, any Dataset)
    ) -> TrainingPhase {
      TrainingPhase(
        name, options: recipe.training.options(for: recipe.student, seed: recipe.seed),
        validation: validation, sharing: weights
      ) { store in
        try student.plan(in: store, prefix: "student")
        let (objective, data) = try prepare(store)
        return (objective, data, student.model.parameters(prefix: "student"))
      }
    }
    return DistillationPlan(
      teacher: nil,
      student: phase("student", validation: text.validation) { store in
        try teacher.planFinished(in: store)
        return (try objective(student), text.training)
      },
      control: phase("control", validation: text.validation.map(SentenceHalves.init)) { _ in
        (HalvesObjective(try sentenceEncoder(student)), SentenceHalves(text.training))
      },
      text: text.training, slice: text.training, device: weights.store.device)
  }

  mutating func run() throws {
    let start = ContinuousClock.now
    let (device, text) = try arguments.open { try sentences() }
    let weights = FrozenWeights(on: device)
    let fingerprint = try teacher.load(into: weights)
    let plan = plan(text, weights)
    let chosen = try plan.settle(&recipe, judgedRows: text.heldOut.count, since: start)
    var origins = RunOrigins()
    try origins.add(recipe)
    origins.add("the text", text.fingerprint)
    origins.add("the teacher", fingerprint)
    try origins.add("the student's folder", folder: recipe.student.path)
    if !recipe.data.pairs.isEmpty {
      let pairs = try OpenFile(URL(fileURLWithPath: recipe.data.pairs)).whole()
      origins.add("the file of pairs", Fingerprint(of: pairs).description)
    }
    // What models are judged by is read before they are trained.
    let task = try task(text)
    try arguments.begin(
      recipe, in: folder, origins: origins, on: device, data: ("\(text)", text.fingerprint),
      phases: plan.phases
    ) {
      try chosen + findings(text, plan, weights)
    }
    let profiles = RunProfiles(arguments.profiling, in: folder)
    let clock = try plan.clock(recipe, judgedRows: text.heldOut.count, in: folder)
    func train(
      _ arm: Arm, _ sizes: ModelRecipe, seed: UInt64, on data: any Dataset,
      validation: (any Dataset)?, _ objective: (VariableStore) throws -> any Objective
    ) throws {
      guard !folder.isFinished(arm.name) else { return }
      let store = weights.sharing(seed: seed)
      try arm.train(
        try objective(store), recipe.training.options(for: sizes, seed: seed), on: data,
        validation: validation, folder: folder, origins: origins, store: store,
        prefix: "student", profiles: profiles,
        export: ModelExport(tokenizer: nil, precision: recipe.training.export),
        sequenceLength: recipe.data.sequenceLength,
        teacher: arm.name.hasPrefix("student") ? teacher.directory : nil, clock: clock)
    }
    let trials = try Trial.all(of: recipe, make: arm)
    for trial in trials {
      try train(
        trial.student, recipe.student, seed: trial.seed, on: text.training,
        validation: text.validation
      ) { _ in try objective(trial.student) }
      for control in trial.controls {
        let sizes = try plan.controlRecipe(control.question, recipe)
        try train(
          control.arm, sizes, seed: trial.seed, on: SentenceHalves(text.training),
          validation: text.validation.map(SentenceHalves.init)
        ) { _ in
          HalvesObjective(try sentenceEncoder(control.arm))
        }
      }
    }
    try judge(trials, plan, text, task, weights)
  }

  private func objective(_ student: Arm) throws -> EmbeddingObjective {
    EmbeddingObjective(
      student: try sentenceEncoder(student), teacher: teacherEncoder,
      recipe.distillation.sentences,
      matching: try InnerMatching(recipe.distillation, student: student, teacher: teacher))
  }

  /// What a doctor finds before the run.
  private func findings(
    _ text: RunSentences, _ plan: DistillationPlan, _ weights: FrozenWeights
  ) throws -> [Finding] {
    try SentenceDoctor(
      sentences: text, recipe: recipe, plan: plan,
      embed: {
        try SentenceEmbedder(teacherEncoder, tokenizer.tokenizer, store: weights.store).embed($0)
      }
    ).findings()
  }

  /// What `retort doctor` shows, without a run.
  mutating func examination(on device: any Device) throws -> (
    text: RunSentences, findings: [Finding], sample: DataSample
  ) {
    let text = try sentences()
    let weights = FrozenWeights(on: device)
    try teacher.load(into: weights)
    let plan = plan(text, weights)
    let chosen = try plan.settle(&recipe, judgedRows: text.heldOut.count, since: .now)
    return (
      text, try chosen + findings(text, plan, weights), DataSample(text, tokenizer.tokenizer)
    )
  }

  // MARK: Verdict

  /// Vectors of the held-out sentences, and of a task's.
  private func vectors(
    _ arm: Arm, _ encoder: SentenceEncoder, _ text: RunSentences, _ task: SentenceTask,
    _ weights: FrozenWeights
  ) throws -> (heldOut: [[Float]], task: [[Float]]) {
    let store = weights.sharing(seed: recipe.seed)
    if arm.name != teacher.name { try arm.load(into: store) }
    let embedder = SentenceEmbedder(encoder, tokenizer.tokenizer, store: store)
    let progress = JudgingProgress(arm.name, in: folder, command: "distill")
    let heldOut = text.heldOut.sentences
    let vectors = try embedder.embed(heldOut + task.sentences) {
      try progress.show(done: $0, of: heldOut.count + task.sentences.count, "sentences")
    }
    return (Array(vectors.prefix(heldOut.count)), Array(vectors.dropFirst(heldOut.count)))
  }

  /// By what the models are judged, beside their distance to the teacher.
  private func task(_ text: RunSentences) throws -> SentenceTask {
    let length = recipe.data.sequenceLength
    if !recipe.data.pairs.isEmpty {
      return try SentenceTask(pairsIn: recipe.data.pairs) { sentence in
        try SentenceEmbedder.ids(
          sentence, tokenizer.tokenizer, teacherEncoder, maximumLength: length)
      }
    }
    guard let halves = SentenceTask(halvesOf: text.heldOut.sentences) else {
      throw StorageError(
        "The held-out sentences are too short to be halved, by which models are judged. Give longer ones, or a file of "
          + "pairs as data.pairs.")
    }
    return halves
  }

  /// Sentences per second of teacher and student, warm and in turns. Students and controls have one shape.
  private func speeds(_ trials: [Trial], _ text: RunSentences, _ weights: FrozenWeights) throws
    -> (teacher: Double, student: Double)
  {
    let student = trials[0].student
    let store = weights.sharing(seed: recipe.seed)
    try student.load(into: store)
    let some = Array(text.heldOut.sentences.prefix(64))
    let progress = JudgingProgress("speed", in: folder, command: "distill")
    let works = [teacherEncoder, try sentenceEncoder(student)].map { encoder in
      let embedder = SentenceEmbedder(encoder, tokenizer.tokenizer, store: store)
      return {
        try progress.check()
        let clock = ContinuousClock.now
        _ = try embedder.embed(some)
        return (ContinuousClock.now - clock).seconds
      }
    }
    let seconds = try medians(of: works, rounds: 5).map { max($0, 1e-9) }
    return (Double(some.count) / seconds[0], Double(some.count) / seconds[1])
  }

  private func judge(
    _ trials: [Trial], _ plan: DistillationPlan, _ text: RunSentences, _ task: SentenceTask,
    _ weights: FrozenWeights
  ) throws {
    let start = ContinuousClock.now
    let speeds = try speeds(trials, text, weights)
    let expected = try vectors(teacher, teacherEncoder, text, task, weights)
    var results = [
      ArmResult(
        "teacher", parameterCount: teacher.model.parameterCount, [], task: task,
        losses: [task.losses(expected.task)], sentencesPerSecond: speeds.teacher, cost: nil)
    ]
    func add(_ name: String, _ arms: [Arm]) throws -> [[Double]] {
      let found = try arms.map { arm in
        let own = try vectors(arm, try sentenceEncoder(arm), text, task, weights)
        return (
          SentenceEvaluation(student: own.heldOut, teacher: expected.heldOut),
          task.losses(own.task)
        )
      }
      results.append(
        ArmResult(
          name, parameterCount: arms[0].model.parameterCount, found.map(\.0), task: task,
          losses: found.map(\.1), sentencesPerSecond: speeds.student,
          cost: folder.cost(of: arms[0].name)))
      return found.map(\.1)
    }
    let students = try add("student", trials.map(\.student))
    var answers = Answers(
      answers: try recipe.distillation.questions.map { question in
        let controls = try add(question.arm, trials.compactMap { $0.control(question) })
        return Answers.Answer(
          question: question, verdict: Verdict(zip(students, controls).map { ($0, $1) }),
          controlSteps: try plan.controlSteps(question, recipe))
      }, unit: task.unit.loss, rows: task.unit.rows,
      declined: recipe.distillation.withoutControl, caveat: caveat)
    answers.remedy =
      "more steps, more sentences, or pairs of your own with scores (data.pairs), which favour nobody"
    try Outcome(
      results, quality: task.title.key, answers: answers, sentences: answers.sentences,
      seconds: (ContinuousClock.now - start).seconds
    ).publish(in: folder)
  }

  /// What the controls are, and what the measure favours.
  private var caveat: String {
    let begin =
      recipe.distillation.controlWeights == .random
      ? "Controls begin with random weights."
      : recipe.student.path.isEmpty
        ? "Controls are cut from the teacher as the student is; distillation.control_weights=random asks for others."
        : "Controls begin with the student's own weights."
    return recipe.data.pairs.isEmpty
      ? begin
        + " They were trained to find the other half of a sentence, which the student was not."
      : begin
  }
}
