// The command line of Retort.
import ArgumentParser

@main
struct Retort: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retort",
    abstract: "Train small language models on any OpenCL device, and distil large ones into them.",
    discussion: """
      Start with `retort devices` to see what this machine offers, then `retort distill --run DIR`.
      Every command explains its options with --help.
      """,
    version: version,
    subcommands: [
      Devices.self, SelfTestCommand.self, Tune.self, Train.self, Distill.self, DoctorCommand.self,
      Cache.self,
      Generate.self,
      Evaluate.self, Embed.self, Logits.self, Inspect.self, Export.self, TokenizerCommand.self,
    ])

  static let version = "0.1.0"
}
