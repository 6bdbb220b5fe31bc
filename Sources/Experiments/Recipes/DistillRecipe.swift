// What `retort distill` does, as a YAML file says it.

/// What a distillation does: the sizes and steps of its models, its loss, its seeds. `retort recipe distill` lists all keys with
/// their meanings, defaults and bounds.
public struct DistillRecipe: Recipe {
  @Key("What the models learn from.")
  package var data = DataRecipe()

  @Key("The teacher: a folder, or a new model that the run trains first.")
  package var teacher = ModelRecipe.teacher

  @Key(
    "The student: a folder, parts of the teacher, or the sizes of a new model. Controls are the same model."
  )
  package var student = ModelRecipe()

  @Key("The loss of the student, and what it is compared with.")
  package var distillation = DistillationRecipe()

  @Key("How every model is trained.")
  package var training = TrainingRecipe()

  @Key("The first seed of every random number.")
  package var seed: UInt64 = 1

  @Key(
    "How many seeds student and controls are trained with; 0 takes three for small runs and one otherwise.",
    .from(0, to: 1000))
  package var seeds = 0

  package init() {}

  /// The defaults, changed by a YAML file and by settings such as "student.steps=400", in this order. Paths that are relative
  /// are those of the working directory. Throws for keys that do not exist and for values that cannot be used.
  public init(file: String? = nil, _ settings: String...) throws {
    self = try .load(file: file, settings: settings)
    makePathsAbsolute()
  }

  package static let command = "distill"

  package mutating func resolve() {
    teacher.resolve(rateOfNew: 3e-3, training)
    let isTaughtHere = teacher.path.isEmpty && distillation.cache.isEmpty
    student.resolve(rateOfNew: 4e-3, training, textShare: isTaughtHere ? 0.02 : 1)
  }

  package mutating func eachPath(_ body: (inout String) -> Void) {
    data.eachPath(body)
    body(&teacher.path)
    body(&student.path)
    body(&distillation.cache)
    for index in distillation.moreTeachers.indices {
      body(&distillation.moreTeachers[index].path)
    }
  }

  package func validate() throws {
    try data.validate()
    try training.validate()
    try teacher.validate("teacher")
    try student.validate("student")
    try distillation.validate()
    try require(!teacher.fromTeacher.isWanted, "teacher.from_teacher", "left out")
    try require(teacher.textShare == 1, "teacher.text_share", "1: a teacher reads all of the text")
    try require(
      training.patience == 0, "training.patience",
      "0 in a distillation: arms that end early have no equal budget (the best weights are kept all the same)"
    )
    try require(
      student.path.isEmpty || !student.fromTeacher.isWanted, "student.path",
      "empty where student.from_teacher is given")
    try require(
      !data.packing || distillation.cache.isEmpty && distillation.onPolicy.lambda == 0,
      "data.packing", "false with a cache or on-policy rows, which hold one text each")
    try require(
      seed <= UInt64.max - UInt64(seeds), "seed", "at most 2^64 less the number of seeds")
  }
}
