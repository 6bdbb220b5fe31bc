// `retort distill`
import ArgumentParser
import Experiments

struct Distill: TalkativeCommand {
  static let configuration = CommandConfiguration(
    abstract: "Distil a teacher into a student, and find out whether it helped.",
    discussion: """
      Trains a teacher on text (or takes the one that --teacher names), distils it into a student, trains the same \
      student without the teacher as a control, once on the same data and once with the same arithmetic, and compares \
      them on held-out text. Without a recipe the text is Debian's `fortunes`. Any key of the recipe \
      can be set on the command line: --set student.layers=4

      --student takes the folder of a model, sizes of a new one ('layers: 4, width: 256'), or parts of \
      the teacher ('from-teacher: {layers: [0, 2, 4], width: 256}'). --data takes texts, or .jsonl that \
      a teacher wrote; --cache what `retort cache` kept of a teacher. A teacher that is a sentence encoder \
      gets a student whose vectors are like its own; the controls then learn from sentences alone.
      """)

  @OptionGroup var models: DistillationOptions

  @OptionGroup var arguments: RunArguments
  @OptionGroup var messages: MessageOptions

  func validate() throws {
    if arguments.resume, models.changeMoreThanSteps { throw RunArguments.resumeTakesNoOptions }
  }

  func run() throws {
    Interrupt.install()
    let start = ContinuousClock.now
    let folder = try arguments.folder()
    var experiment = try arguments.recipe(
      DistillRecipe.self, in: folder, settings: models.settings
    ).experiment(in: folder)
    try arguments.run(
      in: folder, for: DistillRecipe.command, steps: models.schedule.steps
    ) { device, options, observer in
      try experiment.run(on: device, options, since: start, observer)
    }
  }
}
