// The command line of Retort.
import ArgumentParser
import Foundation
import OpenCL
import Storage

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
      RecipeCommand.self, Cache.self, Generate.self, Evaluate.self, Embed.self, Logits.self,
      Inspect.self, Compare.self, Export.self, TokenizerCommand.self, Examine.self,
    ])

  static let version = "0.1.0"

  /// Throws where the first argument is a word that no command is called.
  private static func requireCommand(_ word: String?) throws {
    let names = configuration.subcommands.map { $0._commandName } + ["help"]
    guard let word, !word.hasPrefix("-"), !names.contains(word) else { return }
    let near = nearest(to: word, in: names).map { " Did you mean `retort \($0)`?" } ?? ""
    throw ValidationError("There is no command '\(word)'.\(near)")
  }

  static func main() {
    prepareStandardStreams()
    do {
      try requireCommand(CommandLine.arguments.dropFirst().first)
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
