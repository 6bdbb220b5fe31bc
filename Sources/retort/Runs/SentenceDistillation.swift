// `retort distill` with a sentence encoder for a teacher.
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Tokenizers
import Training

/// Sentences to learn from and to be judged by.
struct RunSentences: CustomStringConvertible {
  let training: SentenceData
  let heldOut: SentenceData

  /// What tells these sentences from others.
  var fingerprint: String { training.fingerprint + heldOut.fingerprint }

  /// Ids from `classCount` on are in no table of the models.
  init(
    _ recipe: DataRecipe, _ tokenizer: Tokenizer, _ encoder: SentenceEncoder, classCount: Int,
    seed: UInt64
  ) throws {
    guard recipe.completions.isEmpty else {
      throw RecipeError(
        "data.completions is for language models; sentence encoders read data.text.")
    }
    let corpus = try Corpus(
      files: try RunText.files(recipe), heldOutShare: recipe.heldOut, seed: seed)
    func sentences(_ entries: [String]) throws -> SentenceData {
      SentenceData(
        try entries.map {
          try SentenceEmbedder.ids($0, tokenizer, encoder, maximumLength: recipe.sequenceLength)
        }.filter { !$0.isEmpty }, length: recipe.sequenceLength)
    }
    (training, heldOut) = (try sentences(corpus.training), try sentences(corpus.heldOut))
    guard training.count > 0, heldOut.count > 1 else {
      throw StorageError(
        "The text has too few entries: \(training.count) to train on and \(heldOut.count) held out. Give more "
          + "text, or change data.held_out (\(recipe.heldOut)).")
    }
    for data in [training, heldOut] {
      for ids in data.sentences { try tokenizer.require(ids, below: classCount) }
    }
  }

  var description: String {
    "\(grouped(training.count)) sentences to train on, \(grouped(heldOut.count)) held out"
  }
}

/// Teacher, student, control, verdict, for vectors of sentences.
struct SentenceDistillation {
  private let recipe: DistillRecipe
  private let arguments: RunArguments
  private let folder: RunFolder
  private let teacher: Arm
  private let teacherEncoder: SentenceEncoder
  private let tokenizer: TokenizerDirectory
  private let pairs: [(student: Arm, control: Arm, seed: UInt64)]

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
    func arm(_ name: String) throws -> Arm {
      let arm = try Arm(
        name, recipe.student, teacher: teacher.directory, vocabularySize: 0,
        sequenceLength: length, folder: folder)
      _ = try arm.encoder()
      return arm
    }
    if !recipe.student.path.isEmpty {
      let own = try TokenizerDirectory(URL(fileURLWithPath: recipe.student.path)).tokenizer
      guard own.hasSameTokens(as: tokenizer.tokenizer) else {
        throw StorageError("\(recipe.student.path) has another tokenizer than the teacher.")
      }
    }
    pairs = try (0..<recipe.seeds).map { index in
      let end = index == 0 ? "" : "-\(index + 1)"
      return (try arm("student\(end)"), try arm("control\(end)"), recipe.seed &+ UInt64(index))
    }
  }

  private func sentences() throws -> RunSentences {
    let tables = [teacher.model.vocabularySize, pairs[0].student.model.vocabularySize]
    return try RunSentences(
      recipe.data, tokenizer.tokenizer, teacherEncoder, classCount: tables.min() ?? 0,
      seed: recipe.seed)
  }

  private func sentenceEncoder(_ arm: Arm) throws -> SentenceEncoder {
    teacherEncoder.replacingEncoder(by: try arm.encoder())
  }

  func run() throws {
    let (device, text) = try arguments.open { try sentences() }
    var origins = RunOrigins()
    try origins.add(recipe)
    origins.add("the text", text.fingerprint)
    origins.add("the teacher", try teacher.directory.fingerprint())
    try origins.add("the student's folder", folder: recipe.student.path)
    try arguments.begin(recipe, in: folder, origins: origins, command: "distill") {
      try findings(text, device)
    }
    func train(
      _ arm: Arm, seed: UInt64, _ objective: (VariableStore) throws -> any Objective
    ) throws {
      guard !folder.isFinished(arm.name) else { return }
      let store = VariableStore(on: device, seed: seed)
      try arm.train(
        try objective(store), recipe.training.options(for: recipe.student, seed: seed),
        on: text.training, folder: folder, origins: origins, store: store, prefix: "student",
        profiling: arguments.profiling,
        export: ModelExport(tokenizer: nil, precision: recipe.training.export))
    }
    for pair in pairs {
      try train(pair.student, seed: pair.seed) { store in
        try teacher.load(into: store)
        return try objective(pair.student)
      }
      guard recipe.distillation.withoutControl.isEmpty else { continue }
      try train(pair.control, seed: pair.seed) { _ in
        HalvesObjective(try sentenceEncoder(pair.control))
      }
    }
    try judge(text, device)
  }

  private func objective(_ student: Arm) throws -> EmbeddingObjective {
    EmbeddingObjective(
      student: try sentenceEncoder(student), teacher: teacherEncoder,
      recipe.distillation.sentences,
      matching: try InnerMatching(recipe.distillation, student: student, teacher: teacher))
  }

  /// What a doctor finds before the run.
  func findings(_ text: RunSentences, _ device: any Device) throws -> [Finding] {
    let student = pairs[0].student
    let store = VariableStore(on: device, seed: recipe.seed)
    try teacher.load(into: store)
    return try SentenceDoctor(
      sentences: text, recipe: recipe, objective: objective(student), student: student,
      teacher: teacher,
      embed: { try SentenceEmbedder(teacherEncoder, tokenizer.tokenizer, store: store).embed($0) },
      device: device
    ).findings()
  }

  /// What `retort doctor` shows, without a run.
  func examination(on device: any Device) throws -> (text: RunSentences, findings: [Finding]) {
    let text = try sentences()
    return (text, try findings(text, device))
  }

  // MARK: Verdict

  /// Vectors of the held-out sentences, and sentences per second.
  private func vectors(
    _ arm: Arm, _ encoder: SentenceEncoder, _ text: RunSentences, _ device: any Device
  )
    throws -> (vectors: [[Float]], speed: Double)
  {
    let store = VariableStore(on: device, seed: recipe.seed)
    try arm.load(into: store)
    let embedder = SentenceEmbedder(encoder, tokenizer.tokenizer, store: store)
    // The first call also compiles kernels.
    _ = try embedder.embed(Array(text.heldOut.sentences.prefix(32)))
    let clock = ContinuousClock.now
    let progress = JudgingProgress(arm.name, in: folder, command: "distill")
    let vectors = try embedder.embed(text.heldOut.sentences) {
      try progress.show(done: $0, of: text.heldOut.sentences.count, "sentences")
    }
    let seconds = (ContinuousClock.now - clock).seconds
    return (vectors, Double(vectors.count) / max(seconds, 1e-9))
  }

  private func judge(_ text: RunSentences, _ device: any Device) throws {
    let expected = try vectors(teacher, teacherEncoder, text, device)
    var rows: [SentenceVerdictRow] = [
      SentenceVerdictRow(
        arm: "teacher", parameterCount: teacher.model.parameterCount, evaluations: [],
        sentencesPerSecond: expected.speed, cost: nil)
    ]
    func add(_ name: String, _ arms: [Arm]) throws -> [SentenceEvaluation] {
      var speed = 0.0
      let evaluations = try arms.map { arm in
        let own = try vectors(arm, try sentenceEncoder(arm), text, device)
        speed = own.speed
        return SentenceEvaluation(student: own.vectors, teacher: expected.vectors)
      }
      rows.append(
        SentenceVerdictRow(
          arm: name, parameterCount: arms[0].model.parameterCount, evaluations: evaluations,
          sentencesPerSecond: speed, cost: folder.cost(of: arms[0].name)))
      return evaluations
    }
    let students = try add("student", pairs.map(\.student))
    let declined = recipe.distillation.withoutControl
    var verdict: Verdict?
    if declined.isEmpty {
      let controls = try add("control", pairs.map(\.control))
      verdict = Verdict(zip(students, controls).map { ($0.distances, $1.distances) })
    }
    let cells = [SentenceVerdictRow.header] + rows.map(\.cells)
    let sentence =
      verdict.map {
        [$0.sentence(unit: "of distance to the teacher's vectors", rows: "sentences"), $0.advice]
          .compactMap { $0 }.joined(separator: " ")
      } ?? "Whether distilling helped is not known: no control was trained (\(declined))."
    try tell("\n" + table(cells) + "\n\n" + sentence + "\n")
    for reason in folder.forced { try tell("This run was forced although \(reason).\n") }
    let json = JSONObject(
      Verdict.fields(verdict, unit: "distance", declined: declined) + [
        ("forced_against", folder.forced), ("arms", JSONObject(rows.map { ($0.arm, $0.json) })),
        ("device", device.name), ("retort", Retort.version),
      ]
    ).json
    try folder.write(json + "\n", to: "verdict.json")
    try folder.writeReport(
      title: "Distillation of a sentence encoder", table: cells,
      sentence: sentence, device: device.name)
    try tell("Everything is in \(folder.name); open report.html there.")
  }
}

/// One row of the verdict on sentence vectors, with means over seeds; the teacher has none.
struct SentenceVerdictRow {
  let arm: String
  let parameterCount: Int
  let evaluations: [SentenceEvaluation]
  let sentencesPerSecond: Double
  let cost: (flops: Double, seconds: Double)?

  private func mean(_ value: (SentenceEvaluation) -> Double?) -> Double? {
    let known = evaluations.compactMap(value)
    return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
  }

  static let header = [
    "", "parameters", "cosine to teacher", "similarities (Spearman)", "same neighbour",
    "sentences/s",
    "TFLOP", "trained",
  ]

  var cells: [String] {
    [
      arm, grouped(parameterCount), mean(\.cosine).map { fixed($0, 4) } ?? "-",
      mean(\.rankCorrelation).map { fixed($0, 4) } ?? "-",
      mean(\.neighbourAgreement).map { fixed(100 * $0, 1) + " %" } ?? "-",
      grouped(Int(sentencesPerSecond)), cost.map { fixed($0.flops / 1e12, 1) } ?? "-",
      cost.map { duration($0.seconds) } ?? "-",
    ]
  }

  var json: JSONObject {
    JSONObject([
      ("parameters", parameterCount), ("bytes", 4 * parameterCount),
      ("cosine_to_teacher", mean(\.cosine)),
      ("similarity_rank_correlation", mean(\.rankCorrelation)),
      ("nearest_neighbour_agreement", mean(\.neighbourAgreement)),
      ("sentences_per_second", sentencesPerSecond), ("training_flops", cost?.flops),
      ("training_seconds", cost?.seconds),
    ])
  }
}
