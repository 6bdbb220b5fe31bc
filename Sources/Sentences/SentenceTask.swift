// Sentence encoders as a distillation knows them.
import Base
import Distillation
import Experiments
import Foundation
import Models
import Storage
import Tensors
import Text
import Tokenizers

/// Students' vectors are to be the teacher's; controls learn from sentences alone. All are judged by a benchmark that knows
/// nothing of the teacher.
public final class SentenceTask: RecipeTask {
  private let recipe: DistillRecipe
  private let givenTeacher: Arm
  private let teacherEncoder: SentenceEncoder
  private let tokenizer: TokenizerDirectory
  public let student: Arm
  private let makeArm: (String) throws -> Arm
  private var read: (sentences: RunSentences, benchmark: SentenceBenchmark)?
  /// The teacher's vectors of held-out sentences, once it is judged.
  private var expected: [[Float]] = []

  public var teacher: Arm? { givenTeacher }
  public func arm(_ name: String) throws -> Arm { try makeArm(name) }
  public var export: ModelExport {
    ModelExport(
      precision: recipe.training.export,
      use: ModelUse(
        library: "sentence-transformers", pipelineTag: "sentence-similarity",
        snippet: """
          from sentence_transformers import SentenceTransformer

          model = SentenceTransformer(".")
          print(model.encode(["A sentence.", "Another one."]).shape)
          """, rows: "sentences of at most \(recipe.text.data.sequenceLength) tokens",
        unitsPerRow: 1,
        unit: "sentences"))
  }

  public static var recipeParts: [any RecipePart] {
    [TextRecipe(), JudgedPairsRecipe(), SentenceRecipe()]
  }
  package static let kindName = "sentence encoders"
  package static func takes(_ recipe: DistillRecipe) -> Bool {
    let path = recipe.sentences.teacher.path
    // Of a folder that cannot be read the next kind tells.
    return !path.isEmpty
      && (try? ModelDirectory(URL(fileURLWithPath: path)).model()) is any Encoder
  }

  public init(_ recipe: DistillRecipe, in folder: RunFolder) throws {
    self.recipe = recipe
    let own = recipe.sentences
    let teacher = try Arm("teacher", finished: own.teacher.path)
    givenTeacher = teacher
    teacherEncoder = try SentenceEncoder(teacher.directory)
      .replacingEncoder(by: try teacher.encoder())
    tokenizer = try TokenizerDirectory(teacher.directory.url)
    let length = recipe.text.data.sequenceLength
    guard length <= teacherEncoder.maximumLength else {
      throw RecipeError(
        "data.sequence_length must be at most \(teacherEncoder.maximumLength), the teacher's.")
    }
    guard own.student.fromTeacher.isWanted || !own.student.path.isEmpty else {
      throw RecipeError(
        "the student of a sentence encoder is cut from it or a folder of its own: "
          + "set student.from_teacher.layers, such as [0, 2, 4], or student.path.")
    }
    makeArm = { name in
      var arm =
        own.student.path.isEmpty
        ? try Arm(name, own.student.fromTeacher, of: teacher.directory, in: folder)
        : try Arm(name, startingFrom: own.student.path, in: folder)
      _ = try arm.encoder()
      try arm.require(contextOf: length)
      arm.beginsRandom = recipe.distillation.beginsRandom(name)
      return arm
    }
    student = try makeArm("student")
    if !own.student.path.isEmpty {
      let other = try TokenizerDirectory(URL(fileURLWithPath: own.student.path)).tokenizer
      guard other.hasSameTokens(as: tokenizer.tokenizer) else {
        throw UserError("\(own.student.path) has another tokenizer than the teacher.")
      }
    }
  }

  private func sentenceEncoder(_ arm: Arm) throws -> SentenceEncoder {
    teacherEncoder.replacingEncoder(by: try arm.encoder())
  }

  // MARK: Data and teacher

  private var data: (sentences: RunSentences, benchmark: SentenceBenchmark) {
    guard let read else { fatal("the sentences have not been read") }
    return read
  }
  private var sentences: RunSentences { data.sentences }

  public func readData() throws -> TaskData {
    let tables = [givenTeacher.model.tokenRows, student.model.tokenRows]
    let sentences = try RunSentences(
      recipe.text.data, share: recipe.sentences.student.textShare, tokenizer.tokenizer,
      teacherEncoder,
      classCount: tables.min() ?? 0, seed: recipe.seed)
    // What models are judged by is read before they are trained.
    let benchmark = try benchmark(sentences)
    read = (sentences, benchmark)
    return TaskData(
      description: sentences.description, fingerprint: sentences.fingerprint,
      training: sentences.training, slice: sentences.training,
      judgedRows: benchmark.count,
      sample: DataSample(
        sentences.firstEntry,
        row: tokenizer.tokenizer.decode(
          sentences.training.sentences.first ?? [], skipsSpecialTokens: false),
        of: sentences.training.length), sources: recipe.text.data.sources)
  }

  /// By what the models are judged, beside their distance to the teacher.
  private func benchmark(_ sentences: RunSentences) throws -> SentenceBenchmark {
    let length = recipe.text.data.sequenceLength
    if !recipe.pairs.isEmpty {
      return try SentenceBenchmark(pairsIn: recipe.pairs) { sentence in
        try SentenceEmbedder.ids(
          sentence, tokenizer.tokenizer, teacherEncoder, maximumLength: length)
      }
    }
    guard let halves = SentenceBenchmark(halvesOf: sentences.heldOut.sentences) else {
      throw UserError(
        "The held-out sentences are too short to be halved, by which models are judged. Give longer ones, or a file of "
          + "pairs as data.pairs.")
    }
    return halves
  }

  public func addOrigins(_ weights: FrozenWeights, to origins: inout RunOrigins) throws {
    origins.add("the teacher", try givenTeacher.load(into: weights))
    try origins.add("the student's folder", folder: recipe.sentences.student.path)
    if !recipe.pairs.isEmpty {
      let pairs = try OpenFile(URL(fileURLWithPath: recipe.pairs)).whole()
      origins.add("the file of pairs", Fingerprint(of: pairs).description)
    }
  }

  public func findings(_ weights: FrozenWeights) throws -> [Finding] {
    try SentenceDoctor(sentences: sentences) { [teacherEncoder, tokenizer] in
      try SentenceEmbedder(teacherEncoder, tokenizer.tokenizer, store: weights.store).embed($0)
    }.findings()
  }

  // MARK: Training

  public func controlSetup(_ arm: Arm) throws -> TrainingSetup {
    TrainingSetup(
      objective: HalvesObjective(try sentenceEncoder(arm)),
      data: SentenceHalves(sentences.training),
      validation: sentences.validation.map(SentenceHalves.init))
  }

  public func studentSetup(_ arm: Arm, in store: VariableStore?) throws -> TrainingSetup {
    let own = recipe.sentences.distillation
    return TrainingSetup(
      objective: EmbeddingObjective(
        student: try sentenceEncoder(arm), teacher: teacherEncoder,
        .init(own.sentences),
        matching: try FeatureMatching(
          own.hidden, own.relations, student: arm, teacher: givenTeacher)),
      data: sentences.training, validation: sentences.validation)
  }

  // MARK: Judging

  public var measure: Measure {
    let benchmark = data.benchmark
    return Measure(
      quality: benchmark.title.key, unit: benchmark.unit.loss, rows: benchmark.unit.rows,
      caveat: caveat,
      remedy: recipe.pairs.isEmpty
        ? "more steps, more sentences, or pairs of your own with scores (data.pairs), which favour nobody"
        : "more steps, or more sentences to learn from",
      moreRows: recipe.pairs.isEmpty
        ? "hold out more (data.held_out)" : "give more pairs (data.pairs)"
    )
  }

  /// What the controls are, and what the measure favours.
  private var caveat: String {
    let begin =
      recipe.distillation.controlWeights == .random
      ? "Controls begin with random weights."
      : recipe.sentences.student.path.isEmpty
        ? "Controls are cut from the teacher as the student is; distillation.control_weights=random asks for others."
        : "Controls begin with the student's own weights."
    return recipe.pairs.isEmpty
      ? begin
        + " They were trained to find the other half of a sentence, which the student was not."
      : begin
  }

  public func speeds(_ arms: [Arm], _ store: VariableStore, check: @escaping () throws -> Void)
    throws
    -> [[Metric]]
  {
    let some = Array(sentences.heldOut.sentences.prefix(64))
    let works = try arms.map { arm in
      let embedder = SentenceEmbedder(
        try sentenceEncoder(arm), tokenizer.tokenizer, store: store)
      return {
        try check()
        let clock = ContinuousClock.now
        _ = try embedder.embed(some)
        return (ContinuousClock.now - clock).seconds
      }
    }
    return try medians(of: works, rounds: 5).map { seconds in
      [
        Metric(
          "sentences_per_second", "sentences/s", Double(some.count) / max(seconds, 1e-9), .count,
          better: .higher)
      ]
    }
  }

  public func evaluate(
    _ arm: Arm, isTeacher: Bool, _ store: VariableStore, _ report: @escaping ProgressReport
  ) throws -> ArmEvaluation {
    let (heldOut, benchmark) = (sentences.heldOut.sentences, data.benchmark)
    let embedder = SentenceEmbedder(try sentenceEncoder(arm), tokenizer.tokenizer, store: store)
    let vectors = try embedder.embed(heldOut + benchmark.sentences) {
      try report($0, heldOut.count + benchmark.sentences.count, "sentences")
    }
    let own = Array(vectors.prefix(heldOut.count))
    let losses = benchmark.losses(Array(vectors.dropFirst(heldOut.count)))
    if isTeacher { expected = own }
    let distance = isTeacher ? nil : SentenceEvaluation(student: own, teacher: expected)
    return ArmEvaluation(
      metrics: [
        Metric(
          benchmark.title.key, benchmark.title.words,
          1 - losses.reduce(0, +) / Double(max(1, losses.count)), .decimals, better: .higher),
        Metric(
          "cosine_to_teacher", "cosine to teacher", distance?.cosine, .decimals, better: .higher),
        Metric(
          "similarity_rank_correlation", "similarities (Spearman)", distance?.rankCorrelation,
          .decimals, better: .higher),
        Metric(
          "nearest_neighbour_agreement", "same neighbour", distance?.neighbourAgreement, .share,
          better: .higher),
      ], .losses(losses))
  }
}

extension EmbeddingObjective.Kind {
  fileprivate init(_ matching: EmbeddingRecipe.Matching) {
    switch matching {
    case .cosine: self = .cosine
    case .mse: self = .mse
    case .margin: self = .margin
    }
  }
}
