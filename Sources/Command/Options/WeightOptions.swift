// How a finished model lies in memory, and what is added to it, as options.
import ArgumentParser
import Foundation
import Models

/// `--storage`, of commands that read a finished model.
struct StorageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How the matrices of linear layers lie in memory: file (as in the folder), int8, nf4, q8_0, q4_0 and others.",
      valueName: "form"))
  var storage = FrozenStorage.file
}

/// `--adapter`, of commands that take it apart from its model.
struct AdapterOptions: ParsableArguments {
  @Option(help: "The folder of an adapter that was trained for --model.")
  var adapter: String?

  /// The folder to read, of a model that is named on the command line.
  func directory(_ model: String, _ storage: FrozenStorage) -> ModelDirectory {
    let url = URL(fileURLWithPath: model)
    guard let adapter else { return ModelDirectory(url, storage: storage) }
    return ModelDirectory(URL(fileURLWithPath: adapter), storage: storage, base: url)
  }
}

extension FrozenStorage: ExpressibleByArgument {}
