// Where the time of a training step goes.
import ArgumentParser
import Foundation
import OpenCLBackend
import Storage
import Tensors
import Training

/// `--profile` and `--trace`.
struct ProfilingOptions: ParsableArguments {
  @Flag(help: "After training, print the launches of a step with their times and rates.")
  var profile = false

  @Option(
    help: "After training, write the launches of a step to this file, in Chrome's trace format.")
  var trace: String?

  var isWanted: Bool { profile || trace != nil }

  /// Throws where the trace has no folder, lies in that of the run, or would replace a file that is none.
  func requireFree(run: URL) throws {
    guard let trace else { return }
    let url = URL(fileURLWithPath: trace)
    guard !url.lies(in: run) else {
      throw StorageError(
        "\(trace) lies in the run folder, which holds only what the run writes. Name another file.")
    }
    guard let file = try OutputPlace(url).existingFile else { return }
    let start = try OpenFile(file).read(at: 0, count: min(16, OpenFile(file).byteCount))
    guard start.isEmpty || start.starts(with: Data("{\"traceEvents\"".utf8)) else {
      throw StorageError(
        "\(trace) is here already and is no trace; name another file with --trace.")
    }
  }

  /// Runs one more step of a trainer with every launch timed.
  func report(on trainer: Trainer, device: any Device, name: String) throws {
    guard isWanted else { return }
    let result = try trainer.accumulate.profiledRun()
    if profile {
      let peaks = try (device as? OpenCLDevice)?.measurePeaks()
      try tell("One micro-batch of the \(name):\n\(result.table(peaks: peaks))\n")
    }
    if let trace { try WholeFile.write(result.chromeTrace(), to: URL(fileURLWithPath: trace)) }
  }
}
