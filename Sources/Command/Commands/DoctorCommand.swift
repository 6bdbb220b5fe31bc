// `retort doctor`
import ArgumentParser
import Experiments
import Storage
import Tensors
import Text

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
      model != nil || arguments.recipeFile.flatMap(RecipeFile.init)?.isOfTraining ?? false
      || arguments.set.contains { $0.hasPrefix("model.") }
    let observer = RunDisplay(of: folder).observer()
    let found = try isTraining ? training(device, observer) : distillation(device, observer)
    StatusLine.end(erases: true)
    let findings = found.findings
    if results.json {
      try tell(
        json: JSONObject([
          ("device", device.name), ("data", found.data),
          (
            "findings",
            findings.map { JSONObject([("level", $0.level.rawValue), ("text", $0.text)]) }
          ),
        ]))
    } else {
      try tell(prose: found.data)
      for finding in findings { try finding.tell() }
      try tell(prose: "\(found.sample)", indent: 2)
    }
    if findings.contains(where: { $0.level == .refusal }) { throw ExitCode.failure }
  }

  /// Where the run's models would lie; nothing is written.
  private var folder: RunFolder { RunFolder(arguments.run ?? "runs/new") }

  private func training(_ device: any Device, _ observer: RunObserver) throws -> RunExamination {
    guard !models.areModelsGiven else {
      throw ValidationError("A training has no teacher and no student.")
    }
    var training = try arguments.given(
      TrainRecipe.self,
      settings: (model.map { ["model.path=\(quoted($0))"] } ?? [])
        + models.schedule.settings(of: "model")
    ).training(in: folder)
    return try training.examination(on: device, observer)
  }

  private func distillation(_ device: any Device, _ observer: RunObserver) throws -> RunExamination
  {
    var experiment = try arguments.given(DistillRecipe.self, settings: models.settings)
      .experiment(in: folder)
    return try experiment.examination(on: device, observer)
  }
}
