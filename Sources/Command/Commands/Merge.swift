// `retort merge`
import ArgumentParser
import Foundation

struct Merge: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Add an adapter to the weights of its model, and write the whole.",
    discussion: """
      What `retort export --model DIR --adapter ADAPTER` does: the folder is one that needs neither the adapter nor PEFT.
      """)

  @Option(help: "The folder of the model that the adapter was trained for.")
  var model: String

  @Option(help: "The folder of the adapter.")
  var adapter: String

  @Option(help: "The folder to write; it must not exist.")
  var output: String

  func run() throws {
    try Export.parse(["--model", model, "--adapter", adapter, "--output", output]).run()
  }
}
