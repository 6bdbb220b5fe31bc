// What `retort train` does, as a YAML file says it.

struct TrainRecipe: Recipe {
  @Key("What the model learns from.")
  var data = DataRecipe()

  @Key("The model: a folder, or the sizes of a new one.")
  var model = ModelRecipe()

  @Key("How it is trained.")
  var training = TrainingRecipe()

  @Key("The seed of every random number.")
  var seed: UInt64 = 1

  static let command = "train"

  mutating func resolve() { model.resolve(rateOfNew: 4e-3) }

  mutating func eachPath(_ body: (inout String) -> Void) {
    data.eachPath(body)
    body(&model.path)
  }

  func validate() throws {
    try data.validate()
    try training.validate()
    try model.validate("model")
    try require(!model.fromTeacher.isWanted, "model.from_teacher", "left out: there is no teacher")
  }
}
