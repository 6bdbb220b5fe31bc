// What language models add to a recipe.
import Experiments

/// Which tokens language models read.
package struct TokenRecipe: RecipeSection {
  @Key(
    """
    A folder with the tokenizer of new models. Empty takes that of a teacher or model that exists, or, without one and with the objective \
    likelihood, one token per byte.
    """)
  package var tokenizer = ""

  @Key(
    "Whether entries share rows, of which none sees another. Otherwise a text is a stream, and its rows are full."
  )
  package var packing = false

  package init() {}
}

/// The keys of a distillation of language models.
package struct LanguageDistillRecipe: RecipePart {
  @Key("What the models learn from.")
  package var data = TokenRecipe()

  @Key("The teacher: a folder, or a new model that the run trains first.")
  package var teacher = ModelRecipe.teacher

  @Key(
    "The student: a folder, parts of the teacher, or the sizes of a new model. Controls are the same model."
  )
  package var student = ModelRecipe()

  @Key("The loss of the student, and what it is compared with.")
  package var distillation = ObjectiveRecipe()

  package init() {}

  /// Sizes below the usual ones, for a machine that has no time for these.
  private static let smallerSizes: [(teacher: ModelRecipe.Sizes, student: ModelRecipe.Sizes)] = [
    (
      .init(layers: 2, width: 96, heads: 2, keyValueHeads: 2, mlpWidth: 256),
      .init(layers: 2, width: 48, heads: 2, keyValueHeads: 2, mlpWidth: 128)
    ),
    (
      .init(layers: 2, width: 64, heads: 2, keyValueHeads: 2, mlpWidth: 172),
      .init(layers: 2, width: 32, heads: 1, keyValueHeads: 1, mlpWidth: 86)
    ),
  ]

  /// The same with smaller models, where both are new and nobody chose their sizes or named their layers.
  var smaller: [LanguageDistillRecipe] {
    let usual = LanguageDistillRecipe()
    let (matched, plain) = (distillation, usual.distillation)
    guard teacher.path.isEmpty, !student.isStarted, distillation.cache.isEmpty,
      teacher.sizes == usual.teacher.sizes, student.sizes == usual.student.sizes,
      matched.hidden.layers == plain.hidden.layers,
      matched.relations.layers == plain.relations.layers, matched.objective != .likelihood
    else { return [] }
    return Self.smallerSizes.map { sizes in
      var smaller = self
      (smaller.teacher.sizes, smaller.student.sizes) = (sizes.teacher, sizes.student)
      return smaller
    }
  }

  package static var absentKeys: Set<String> {
    [
      "teacher.from_teacher", "teacher.text_share", "teacher.adapter", "student.storage",
    ]
  }

  package var startedSections: Set<String> {
    Set([("teacher", teacher), ("student", student)].filter { $1.isStarted }.map(\.0))
  }

  package mutating func resolve() {
    if teacher.textShare == 0 { teacher.textShare = 1 }
    let isTaughtHere =
      teacher.path.isEmpty && distillation.cache.isEmpty && distillation.objective != .likelihood
    if student.textShare == 0 { student.textShare = isTaughtHere ? 0.02 : 1 }
  }

  package mutating func eachPath(_ body: (inout String) -> Void) {
    body(&data.tokenizer)
    body(&teacher.path)
    body(&student.path)
    body(&distillation.cache)
    for index in distillation.moreTeachers.indices { body(&distillation.moreTeachers[index].path) }
  }

  package func validate() throws {
    try teacher.validate("teacher")
    try student.validate("student")
    try distillation.validate()
    try require(
      distillation.objective != .likelihood || !teacher.path.isEmpty
        || !student.fromTeacher.isWanted, "student.from_teacher",
      "left out with the objective likelihood and no teacher.path, where collected answers stand for the teacher"
    )
    try require(
      !data.packing || distillation.objective != .likelihood, "data.packing",
      "false with the objective likelihood")
    try require(!teacher.adapter.isWanted, "teacher.adapter", "left out")
    try require(
      student.storage == .file, "student.storage", "left out: adapter.base is the student's")
    try require(
      !student.adapter.isWanted || distillation.onPolicy.lambda == 0, "student.adapter.rank",
      "0 with on-policy rows, which the student writes without its additions")
    try require(!teacher.fromTeacher.isWanted, "teacher.from_teacher", "left out")
    try require(teacher.textShare == 1, "teacher.text_share", "1: a teacher reads all of the text")
    try require(
      student.path.isEmpty || !student.fromTeacher.isWanted, "student.path",
      "empty where student.from_teacher is given")
    try require(
      !data.packing || distillation.cache.isEmpty && distillation.onPolicy.lambda == 0,
      "data.packing", "false with a cache or on-policy rows, which hold one text each")
  }
}

/// The keys of a training of one language model.
package struct LanguageTrainRecipe: RecipePart {
  @Key("What the model learns from.")
  package var data = TokenRecipe()

  @Key("The model: a folder, or the sizes of a new one.")
  package var model = ModelRecipe()

  package init() {}

  package static var absentKeys: Set<String> { ["model.from_teacher", "model.storage"] }

  package var startedSections: Set<String> { model.isStarted ? ["model"] : [] }

  package mutating func resolve() { if model.textShare == 0 { model.textShare = 1 } }

  package mutating func eachPath(_ body: (inout String) -> Void) {
    body(&data.tokenizer)
    body(&model.path)
  }

  package func validate() throws {
    try model.validate("model")
    try require(!model.fromTeacher.isWanted, "model.from_teacher", "left out: there is no teacher")
  }
}

extension DistillRecipe {
  package var text: TextRecipe { part(TextRecipe.self) }
  package var language: LanguageDistillRecipe { part(LanguageDistillRecipe.self) }
}

extension TrainRecipe {
  package var text: TextRecipe { part(TextRecipe.self) }
  package var language: LanguageTrainRecipe { part(LanguageTrainRecipe.self) }
}
