// What `retort train` does, as a YAML file says it.

package struct TrainRecipe: Recipe {
  @Key("What the model learns from.")
  package var data = DataRecipe()

  @Key("The model: a folder, or the sizes of a new one.")
  package var model = ModelRecipe()

  @Key("How it is trained.")
  package var training = TrainingRecipe()

  @Key("The seed of every random number.")
  package var seed: UInt64 = 1

  package init() {}

  package static let command = "train"

  package mutating func resolve() { model.resolve(rateOfNew: 4e-3, training) }

  package mutating func eachPath(_ body: (inout String) -> Void) {
    data.eachPath(body)
    body(&model.path)
  }

  package func validate() throws {
    try data.validate()
    try training.validate()
    try model.validate("model")
    try require(!model.fromTeacher.isWanted, "model.from_teacher", "left out: there is no teacher")
  }
}
