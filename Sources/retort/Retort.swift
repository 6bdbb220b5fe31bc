// The command line of Retort.
import ArgumentParser
import Foundation
import OpenCL

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
      Examine.self,
    ])

  static let version = "0.1.0"

  static func main() {
    prepareStandardStreams()
    do {
      var command = try parseAsRoot()
      if let command = command as? any TalkativeCommand, command.messages.quiet { beQuiet() }
      try command.run()
    } catch {
      let code = exitCode(for: error)
      let message = abridged(fullMessage(for: error), to: code == .success ? .max : 3000)
      do {
        // Help is a result; everything else that ends a command is a message.
        if code == .success { try tell(message) } else if !message.isEmpty { warn(message) }
      } catch {
        warn("Error: \(error)")
        Foundation.exit(1)
      }
      let isRun = ["train", "distill"].contains(CommandLine.arguments.dropFirst().first)
      if isRun, let error = error as? OpenCLError, error.isLostDevice {
        warn("A run that was under way goes on from its latest checkpoint with --resume.")
      }
      Foundation.exit(code.rawValue)
    }
  }
}
