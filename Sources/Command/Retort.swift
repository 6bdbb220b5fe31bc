// The command line of Retort.
import ArgumentParser
import Base
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
    version: retortVersion,
    subcommands: [
      Devices.self, SelfTestCommand.self, Tune.self, Train.self, Distill.self, DoctorCommand.self,
      RecipeCommand.self, Cache.self, Generate.self, Evaluate.self, Embed.self, Logits.self,
      Inspect.self, Compare.self, Export.self, Merge.self, TokenizerCommand.self, Examine.self,
      Compile.self,
    ] + networkCommands)

  /// Commands that speak with other machines; a build without the trait `Network` has none.
  private static var networkCommands: [any ParsableCommand.Type] {
    #if Network
      [Collect.self, Serve.self]
    #else
      []
    #endif
  }

  /// Throws where a word stands in the place of a command and is none.
  private static func requireCommand(_ words: [String]) throws {
    var (known, before) = (configuration.subcommands, "retort")
    for word in words {
      let names = known.map { $0._commandName }
      guard !known.isEmpty, !word.hasPrefix("-"), word != "help" else { return }
      guard let next = known.first(where: { $0._commandName == word }) else {
        let near = nearest(to: word, in: names).map { " Did you mean `\(before) \($0)`?" }
        throw ValidationError(
          "There is no command '\(before) \(word)'.\(near ?? " There are \(names.joined(separator: ", ")).")"
        )
      }
      (known, before) = (next.configuration.subcommands, "\(before) \(word)")
    }
  }

  static func main() {
    prepareStandardStreams()
    do {
      try requireCommand(Array(CommandLine.arguments.dropFirst()))
      var command = try parseAsRoot()
      if let command = command as? any TalkativeCommand, command.messages.quiet { beQuiet() }
      try command.run()
      StatusLine.end(erases: true)
    } catch {
      StatusLine.end()
      NumberedRuns.release()
      let code = exitCode(for: error)
      let message = abridged(fullMessage(for: error), to: code == .success ? .max : 3000)
      do {
        // Help is a result; everything else that ends a command is a message.
        if code == .success { try tell(message) } else if !message.isEmpty { warn(message) }
      } catch {
        warn("Error: \(error)")
        Foundation.exit(1)
      }
      if let remedy = (error as? UserError)?.remedy { warn(remedy.words) }
      let isRun = ["train", "distill"].contains(CommandLine.arguments.dropFirst().first)
      if isRun, let error = error as? OpenCLError, error.isLostDevice {
        warn("A run that was under way goes on from its latest checkpoint with --resume.")
      }
      Foundation.exit(code.rawValue)
    }
  }
}
