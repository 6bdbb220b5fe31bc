// Where the time of a training step goes.
import ArgumentParser
import Foundation
import Storage
import Tensors
import Training

/// `--profile` and `--trace`.
struct ProfilingOptions: ParsableArguments {
  @Flag(help: "After training, print the graph of a step with the time of every line.")
  var profile = false

  @Option(
    help: "After training, write the launches of a step to this file, in Chrome's trace format.")
  var trace: String?

  var isWanted: Bool { profile || trace != nil }

  /// Runs one more step of a trainer with every launch timed.
  func report(on trainer: Trainer, name: String) throws {
    guard isWanted else { return }
    let result = try trainer.accumulate.profiledRun()
    if profile { print("One micro-batch of the \(name):\n\(result.table())\n") }
    if let trace { try WholeFile.write(result.chromeTrace(), to: URL(fileURLWithPath: trace)) }
  }
}
