// Where the time of a training step goes.
import ArgumentParser
import Base
import Experiments
import Foundation
import Storage

/// `--profile` and `--trace`.
struct ProfilingOptions: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "After training, show the kernels of a step that take longest.",
      discussion: "Every launch is listed in profile-NAME.txt in the run's folder."))
  var profile = false

  @Option(
    help: "After training, write the launches of a step to this file, in Chrome's trace format.")
  var trace: String?

  /// What the run is told.
  var profiling: Profiling {
    var profiling = Profiling()
    profiling.listsLaunches = profile
    profiling.trace = trace.map { URL(fileURLWithPath: $0) }
    return profiling
  }

  /// Throws where the trace has no folder, lies in that of the run, or would replace a file that is none.
  func requireFree(run: URL) throws {
    guard let trace else { return }
    let url = URL(fileURLWithPath: trace)
    guard !url.lies(in: run) else {
      throw UserError(
        "\(trace) lies in the run folder, which holds only what the run writes. Name another file.")
    }
    guard let file = try OutputPlace(url).existingFile else { return }
    let start = try OpenFile(file).read(at: 0, count: min(16, OpenFile(file).byteCount))
    guard start.isEmpty || start.starts(with: Data("{\"traceEvents\"".utf8)) else {
      throw UserError(
        "\(trace) is here already and is no trace; name another file with --trace.")
    }
  }
}
