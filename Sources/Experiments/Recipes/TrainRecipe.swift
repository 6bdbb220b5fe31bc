// What `retort train` does, as a YAML file says it.

package struct TrainRecipe: Recipe {
  @Key("The model.")
  package var model = ArmRecipe()

  @Key("How it is trained.")
  package var training = TrainingRecipe()

  @Key("The seed of every random number.")
  package var seed: UInt64 = 1

  package var parts: [any RecipePart] = []

  private enum CodingKeys: CodingKey { case model, training, seed }

  package init() {}

  /// The keys that a kind of model has added.
  package func part<Part: RecipePart>(_ type: Part.Type) -> Part { parts.part(type) }

  package static let command = "train"

  package mutating func resolve() {
    model.resolve(rateOfNew: 4e-3, isStarted: isStarted("model"), training)
  }

  package func validate() throws {
    try training.validate()
    try model.validate("model")
  }
}
