// `retort train`
import ArgumentParser
import Experiments
import Models

struct Train: TalkativeCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train one language model on text.",
    discussion: """
      Without a recipe, a small model learns Debian's `fortunes`. Any key of the recipe can be set
      on the command line: --set model.layers=4 --set data.files=[a.txt,b.txt]
      With --model a model that exists is trained further, with its own tokenizer. With --lora its weights are kept, and small \
      additions to them are trained: an adapter, as PEFT reads it.
      The finished model is in RUN/model, ready for `retort generate` and `retort evaluate`.
      """)

  @Option(help: "The folder of a model to train further.")
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Train additions of this rank to the linear layers of --model, in place of its weights.",
      valueName: "rank"))
  var lora: Int?

  @Option(
    help: ArgumentHelp(
      "With --lora: how the weights lie in memory meanwhile: file, int8, nf4 and others.",
      valueName: "form"))
  var base: FrozenStorage?

  @OptionGroup var schedule: StepOptions
  @OptionGroup var arguments: RunArguments
  @OptionGroup var messages: MessageOptions

  func validate() throws {
    if arguments.resume,
      model != nil || lora != nil || base != nil || schedule.changeMoreThanSteps
    {
      throw RunArguments.resumeTakesNoOptions
    }
  }

  func run() throws {
    Interrupt.install()
    let start = ContinuousClock.now
    let folder = try arguments.folder()
    let settings =
      (model.map { ["model.path=\(quoted($0))"] } ?? [])
      + (lora.map { ["model.adapter.rank=\($0)"] } ?? [])
      + (base.map { ["model.adapter.base=\($0.rawValue)"] } ?? [])
    var training = try arguments.recipe(
      TrainRecipe.self, in: folder, settings: settings + schedule.settings(of: "model")
    ).training(in: folder)
    try arguments.run(
      in: folder, for: TrainRecipe.command, steps: schedule.steps
    ) { device, options, observer in
      try training.run(on: device, options, since: start, observer)
    }
  }
}
