// `retort doctor`
import ArgumentParser
import Storage
import Tensors

struct DoctorCommand: TalkativeCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Look at a distillation, or a training, before it runs.",
    discussion: """
      Tokenizers, chat templates, padding of vocabularies, the share of tokens that carry loss, the \
      teacher's perplexity on this text, rows of a cache, memory and time. `retort distill` and `retort train` \
      look at the same before every run, and refuse what would spoil it silently, unless --force is given. A \
      recipe with a key `model`, or --model, is looked at as `retort train` would.
      """)

  @Option(help: "The folder of a model that `retort train` would train further.")
  var model: String?

  @OptionGroup var models: DistillationOptions
  @OptionGroup var arguments: RunArguments
  @OptionGroup var messages: MessageOptions
  @OptionGroup var results: ResultOptions

  func run() throws {
    let device = try arguments.device.open()
    let isTraining =
      model != nil || arguments.recipeFile.map(isTrainingRecipe) ?? false
      || arguments.set.contains { $0.hasPrefix("model.") }
    let (text, findings, sample) = try isTraining ? training(device) : distillation(device)
    if results.json {
      try tell(
        json: JSONObject([
          ("device", device.name), ("data", "\(text)"),
          (
            "findings",
            findings.map { JSONObject([("level", $0.level.rawValue), ("text", $0.text)]) }
          ),
        ]))
    } else {
      try tell(prose: "\(text)")
      for finding in findings { try finding.tell() }
      try tell(prose: "\(sample)", indent: 2)
    }
    if findings.contains(where: { $0.level == .refusal }) { throw ExitCode.failure }
  }

  /// Where the run's models would lie; nothing is written.
  private var folder: RunFolder { RunFolder(arguments.run ?? "runs/new") }

  private typealias Examination = (any CustomStringConvertible, [Finding], DataSample)

  private func training(_ device: any Device) throws -> Examination {
    guard !models.areModelsGiven else {
      throw ValidationError("--model is for a training; it takes no teacher or student.")
    }
    let recipe = try arguments.given(
      TrainRecipe.self,
      settings: (model.map { ["model.path=\(quoted($0))"] } ?? [])
        + models.schedule.settings(of: "model"))
    var training = try SingleTraining(recipe, in: folder)
    let (text, findings, sample) = try training.examination(on: device)
    return (text, findings, sample)
  }

  private func distillation(_ device: any Device) throws -> Examination {
    var experiment = try Experiment(
      try arguments.given(DistillRecipe.self, settings: models.settings), in: folder)
    let (data, findings) = try experiment.examination(on: device)
    return (data, findings, data.sample)
  }
}
