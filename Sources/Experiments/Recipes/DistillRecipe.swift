// What `retort distill` does, as a YAML file says it.

/// What a distillation does: how its models are trained, with which controls and seeds. A kind of model adds keys of its
/// own, such as the sizes of its models.
public struct DistillRecipe: Recipe {
  @Key("The teacher, as far as the run trains it.")
  package var teacher = ArmRecipe.teacher

  @Key("The student. Controls are the same model.")
  package var student = ArmRecipe()

  @Key("What the student is compared with.")
  package var distillation = ControlsRecipe()

  @Key("What is accepted of a teacher's terms.")
  package var terms = TermsRecipe()

  @Key("How every model is trained.")
  package var training = TrainingRecipe()

  /// The first seed of every random number.
  @Key("The first seed of every random number.")
  public package(set) var seed: UInt64 = 1

  @Key(
    "How many seeds student and controls are trained with; 0 takes three for small runs and one otherwise.",
    .from(0, to: 1000))
  package var seeds = 0

  package var parts: [any RecipePart] = []

  private enum CodingKeys: CodingKey {
    case teacher, student, distillation, terms, training, seed, seeds
  }

  /// The keys that every distillation has.
  public init() {}

  /// The defaults, changed by a YAML file and by settings such as "student.steps=400", in this order. Paths that are relative
  /// are those of the working directory. Throws for keys that do not exist and for values that cannot be used.
  public init(file: String? = nil, _ settings: String...) throws {
    self = try .load(file: file, settings: settings, parts: [])
    makePathsAbsolute()
  }

  /// The same with the keys that a kind of model adds.
  public init<Task: LearningTask>(
    for task: Task.Type, file: String? = nil, _ settings: String...
  ) throws {
    try self.init(for: task, file: file, settings: settings)
  }

  /// The same with settings that a program was given.
  public init<Task: LearningTask>(
    for task: Task.Type, file: String? = nil, settings: [String]
  ) throws {
    self = try .load(file: file, settings: settings, parts: task.recipeParts)
    makePathsAbsolute()
  }

  /// Every key with its meaning, its range and its value, as YAML with comments.
  public var explanation: String {
    get throws {
      // Meanings are those of the defaults.
      var described = DistillRecipe()
      described.parts = parts.map { type(of: $0).init() }
      return try RecipeTree(self).explanation(by: RecipeTree(described))
    }
  }

  /// The keys that a kind of model has added; traps where the recipe was not made for it.
  public func part<Part: RecipePart>(_ type: Part.Type) -> Part { parts.part(type) }

  package static let command = "distill"

  package mutating func resolve() {
    teacher.resolve(rateOfNew: 3e-3, isStarted: isStarted("teacher"), training)
    student.resolve(rateOfNew: 4e-3, isStarted: isStarted("student"), training)
  }

  package func validate() throws {
    try training.validate()
    try teacher.validate("teacher")
    try student.validate("student")
    try require(
      training.patience == 0, "training.patience",
      "0 in a distillation: arms that end early have no equal budget (the best weights are kept all the same)"
    )
    try require(
      seed <= UInt64.max - UInt64(seeds), "seed", "at most 2^64 less the number of seeds")
  }
}
