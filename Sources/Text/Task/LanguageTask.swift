// Language models as a distillation knows them.
import Base
import Experiments
import Foundation
import Models
import Storage
import Tensors
import Training

/// Teacher and students predict the next token; they are judged by their losses on held-out windows.
public final class LanguageTask: RecipeTask {
  private let recipe: DistillRecipe
  private let arms: LanguageArms
  private var texts: (all: RunText, slice: RunText)?
  /// The rows with what a teacher of other tokens says of them, once it was asked.
  private var answered: PieceRows?
  /// What the teacher said of the held-out rows, once it was judged.
  private var states: Teacher.States?

  public static var recipeParts: [any RecipePart] { [TextRecipe(), LanguageDistillRecipe()] }
  package static let kindName = "language models"
  package static func takes(_ recipe: DistillRecipe) -> Bool { true }

  package static func smaller(_ recipe: DistillRecipe) -> [DistillRecipe] {
    recipe.language.smaller.map { own in
      var smaller = recipe
      smaller.change(LanguageDistillRecipe.self) { $0 = own }
      return smaller
    }
  }

  public init(_ recipe: DistillRecipe, in folder: RunFolder) throws {
    self.recipe = recipe
    arms = try LanguageArms(recipe, folder: folder)
  }

  public var teacher: Arm? { arms.teacher }
  public var student: Arm { arms.student }
  public func arm(_ name: String) throws -> Arm { try arms.arm(name) }
  public var export: ModelExport {
    .languageModel(
      arms.tokenizer, precision: recipe.training.export, rowsOf: recipe.text.data.sequenceLength)
  }

  // MARK: Data and teachers

  /// All of the text.
  private var text: RunText { read.all }
  /// What student and controls read of it.
  private var slice: RunText { read.slice }
  private var read: (all: RunText, slice: RunText) {
    guard let texts else { fatal("the text has not been read") }
    return texts
  }

  public func readData() throws -> TaskData {
    let all = try RunText(
      recipe.text.data, arms.tokenizer, packs: recipe.language.data.packing,
      classCount: arms.classCount, seed: recipe.seed, shifts: arms.cache == nil,
      teacher: arms.teacherTokens, readsRecords: arms.readsRecords)
    let slice = try all.slice(recipe.language.student.textShare)
    texts = (all, slice)
    var data = TaskData(
      description: all.description, fingerprint: all.fingerprint, training: all.training,
      slice: slice.training, judgedRows: all.heldOut.count,
      sample: try DataSample(all, arms.tokenizer.tokenizer),
      sources: recipe.text.data.sources + all.answersFrom.phrases)
    data.answers = all.answersFrom.sources
    data.teachers = arms.teacherFolders
    return data
  }

  public func readTeachers(on device: any Device) throws -> FrozenWeights {
    try arms.readTeachers(on: device)
  }

  public func planTeachers(in store: VariableStore) throws { try arms.planTeachers(in: store) }

  public func addOrigins(_ weights: FrozenWeights, to origins: inout RunOrigins) throws {
    try arms.addOrigins(recipe, weights, to: &origins)
  }

  public var uncountedWork: [String] {
    let own = recipe.language.distillation
    return (own.cache.isEmpty ? [] : ["the teacher's passes for the cache"])
      + (arms.teacherTokens == nil ? [] : ["the teacher's pass over the text"])
      + (arms.readsRecords ? ["what the model that answered took"] : [])
      + (own.onPolicy.lambda > 0 ? ["the writing of its own rows"] : [])
  }

  public func findings(_ weights: FrozenWeights) throws -> [Finding] {
    try LanguageDoctor(arms: arms, text: text, slice: slice, recipe: recipe, weights: weights)
      .findings()
  }

  // MARK: Training

  public func teacherSetup() throws -> TrainingSetup {
    guard let teacher else { fatal("there is no teacher to train") }
    return TrainingSetup(
      objective: try arms.nextToken(teacher), data: text.training, validation: text.validation)
  }

  public func controlSetup(_ arm: Arm) throws -> TrainingSetup {
    TrainingSetup(
      objective: try arms.nextToken(arm), data: slice.training, validation: slice.validation)
  }

  public func askTeacher(_ weights: FrozenWeights, _ report: @escaping ProgressReport) throws {
    guard let teacher = try arms.otherTeacher(), let rows = slice.learnt.aligned else { return }
    var answered = rows.student
    answered.answers = try teacher.answers(to: rows, store: weights.store) {
      try report($0, $1, "rows")
    }
    self.answered = answered
  }

  public func studentSetup(_ arm: Arm, in store: VariableStore?) throws -> TrainingSetup {
    if arms.comparesPieces {
      if store != nil, answered == nil, !arms.readsRecords {
        fatal("the teacher has not been asked")
      }
      return TrainingSetup(
        objective: try arms.likelihood(recipe.language.distillation, student: arm),
        data: answered ?? slice.training, validation: slice.validation)
    }
    let objective = try arms.objective(recipe.language.distillation, student: arm)
    let data = try store.map { try studentData(arm, in: $0) } ?? slice.training
    return TrainingSetup(
      objective: objective, data: objective.data(over: data), validation: slice.validation)
  }

  /// The text, or rows of it that the student continues itself.
  private func studentData(_ arm: Arm, in store: VariableStore) throws -> any TokenData {
    let options = recipe.language.distillation.onPolicy.options
    guard options.lambda > 0 else { return slice.training }
    return OnPolicyData(
      slice.training, student: try arm.languageModel(), classCount: arms.classCount,
      end: arms.tokenizer.endOfText, store: store, batchSize: recipe.training.batchSize, options)
  }

  // MARK: Judging

  public var measure: Measure {
    let keys =
      arms.comparesPieces ? "distillation.alpha" : "distillation.alpha, distillation.temperature"
    let teacher = arms.readsRecords ? "" : "a teacher that knows more of such data, "
    return Measure(
      quality: "bits_per_byte", unit: "nats/token", rows: "windows",
      gap: arms.comparesPieces ? "bits_per_byte" : "nats_per_token",
      caveat: arms.comparesPieces
        ? "The loss of a token is the student's and its controls' alone; models with other tokens are compared in bits per byte. The arithmetic "
          + "does not count \(uncountedWork.joined(separator: " and "))."
        : nil,
      remedy:
        "\(teacher)a loss that heeds it more or less (\(keys)), more steps, or a larger student",
      moreRows: "hold out more (data.held_out)")
  }

  public func speeds(_ arms: [Arm], _ store: VariableStore, check: @escaping () throws -> Void)
    throws
    -> [[Metric]]
  {
    func speeds(_ arms: [Arm]) throws -> [[Metric]] {
      let (text, _, classCount) = text(of: arms[0])
      return try Speed.of(
        try arms.map { try $0.languageModel() },
        on: try text.heldOut.batches(of: recipe.training.batchSize)[0], classCount: classCount,
        store: store, check: check
      ).map(\.metrics)
    }
    // In turns, unless they read other tokens.
    return self.arms.teacherTokens == nil
      ? try speeds(arms) : try arms.flatMap { try speeds([$0]) }
  }

  /// The text as an arm reads it, and the rows of its table.
  private func text(of arm: Arm) -> (text: RunText, tokenizer: RunTokenizer, classCount: Int) {
    guard let tokens = arms.teacherTokens, arm.name == teacher?.name, let text = text.ofTeacher
    else { return (text, arms.tokenizer, arms.classCount) }
    return (text, tokens.tokenizer, tokens.classCount)
  }

  public func evaluate(
    _ arm: Arm, isTeacher: Bool, _ store: VariableStore, _ report: @escaping ProgressReport
  ) throws -> ArmEvaluation {
    let (text, _, classCount) = text(of: arm)
    let compared = isTeacher ? nil : try states.map(Teacher.states) ?? arms.teacherToCompare()
    let found = try Text.evaluate(
      try arm.languageModel(), teacher: compared, on: text.heldOut,
      batchSize: recipe.training.batchSize, classCount: classCount,
      keepsStates: isTeacher && !arms.comparesPieces, store: store
    ) { try report($0, $1, "batches") }
    if isTeacher { states = found.states }
    return ArmEvaluation(
      found, bytesPerToken: text.bytesPerToken,
      hasCommonTokens: !(isTeacher && arms.comparesPieces),
      isCompared: !arms.comparesPieces)
  }

  /// How a model continues a held-out text.
  public func sample(_ arm: Arm, _ store: VariableStore) throws -> (prompt: String, text: String)? {
    var sampling = Sampling()
    sampling.temperature = 0.7
    sampling.seed = UInt32(truncatingIfNeeded: recipe.seed)
    let (text, tokenizer, classCount) = text(of: arm)
    let generator = Generator(
      try arm.languageModel(), vocabularySize: classCount, store: store,
      capacity: text.promptTokens.count + 120)
    let ids = try generator.generate(
      [text.promptTokens], count: 120, sampling: sampling, ends: [tokenizer.endOfText])[0]
    return (text.prompt, tokenizer.tokenizer.decode(ids))
  }
}

extension ArmEvaluation {
  /// A language model's numbers on held-out windows; `bytesPerToken` are those of the text. The loss of a token says nothing beside others
  /// where tokens are not common, and not every model `isCompared` with a teacher class by class.
  package init(
    _ found: Evaluation, bytesPerToken: Double, hasCommonTokens: Bool = true,
    isCompared: Bool = true
  ) {
    let nats = found.natsPerToken
    self.init(
      metrics: [
        Metric(
          "nats_per_token", "nats/token", hasCommonTokens ? nats : nil, .decimals, better: .lower),
        Metric(
          "bits_per_byte", "bits/byte", nats / bytesPerToken / log(2), .decimals, better: .lower),
      ]
        + (isCompared
          ? [
            Metric("kl_to_teacher", "KL to teacher", found.klToTeacher, .decimals, better: .lower),
            Metric("top1_agreement", "top-1 agreement", found.agreement, .share, better: .higher),
          ] : []) + [
          Metric(
            "expected_calibration_error", "ECE", found.calibrationError, .decimals, better: .lower),
          Metric("held_out_tokens", nil, Double(found.tokenCount), .count),
        ], .losses(found.windowLosses), reliability: found.calibration.points)
  }
}

extension OnPolicyRecipe {
  package var options: OnPolicyData.Options {
    var options = OnPolicyData.Options()
    options.lambda = lambda
    options.temperature = Float(temperature)
    options.promptShare = prompt
    return options
  }
}

extension ModelExport {
  /// How a language model is written: with the run's tokenizer, where it does not bring its own.
  package static func languageModel(
    _ tokenizer: RunTokenizer, precision: Precision, rowsOf length: Int
  )
    -> ModelExport
  {
    ModelExport(
      files: tokenizer.files,
      fields: ["bos_token_id", "eos_token_id"].map { ($0, JSON(Int(tokenizer.endOfText))) },
      precision: precision, use: .languageModel(rowsOf: length))
  }
}

extension ModelUse {
  fileprivate static func languageModel(rowsOf length: Int) -> ModelUse {
    ModelUse(
      library: "transformers", pipelineTag: "text-generation",
      snippet: """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(".")
        model = AutoModelForCausalLM.from_pretrained(".")
        tokens = tokenizer("The truth is", return_tensors="pt")
        print(tokenizer.decode(model.generate(**tokens, max_new_tokens=40)[0]))
        """, rows: "sequences of \(length) tokens", unitsPerRow: length, unit: "tokens")
  }
}

extension Speed {
  package var metrics: [Metric] {
    [
      Metric("tokens_per_second", "tokens/s", tokensPerSecond, .count, better: .higher),
      Metric(
        "milliseconds_per_new_token", "ms/token", 1000 * secondsPerToken, .hundredths,
        better: .lower),
    ]
  }

  /// The columns of models whose speed is not measured.
  static let unknown = [
    Metric("tokens_per_second", "tokens/s", nil, .count, better: .higher),
    Metric("milliseconds_per_new_token", "ms/token", nil, .hundredths, better: .lower),
  ]
}
