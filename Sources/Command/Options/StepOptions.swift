// How long and how a model is trained, as options.
import ArgumentParser

/// The keys of a recipe that are changed most, under the names that other tools have for them.
struct StepOptions: ParsableArguments {
  @Option(help: "Steps of the optimizer; with --resume the run becomes as long as that.")
  var steps: Int?

  @Option(help: "Passes over what the model reads of the text, in place of --steps.")
  var epochs: Double?

  @Option(help: "Sequences per micro-batch.")
  var batchSize: Int?

  @Option(help: "The highest learning rate; what suits the model, unless it is given.")
  var learningRate: Double?

  func validate() throws {
    if steps != nil, epochs != nil {
      throw ValidationError("--steps and --epochs exclude each other.")
    }
  }

  /// Whether any is given that a run which goes on cannot take.
  var changeMoreThanSteps: Bool { epochs != nil || learningRate != nil || batchSize != nil }

  /// The options as settings of the recipe's `section`: the model that is trained.
  func settings(of section: String) -> [String] {
    [
      steps.map { "\(section).steps=\($0)" }, steps.map { _ in "\(section).epochs=0" },
      epochs.map { "\(section).epochs=\($0)" },
      learningRate.map { "\(section).learning_rate=\($0)" },
      batchSize.map { "training.batch_size=\($0)" },
    ].compactMap { $0 }
  }
}
