// Where the time of a training step goes.
import ArgumentParser
import Foundation
import OpenCLBackend
import Storage
import Tensors
import Training

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
}

/// Profiles of the models that a run trains.
final class RunProfiles {
  private let options: ProfilingOptions
  private let folder: RunFolder
  /// What was measured so far, by the model's name.
  private var profiles: [(name: String, profile: Profile)] = []

  init(_ options: ProfilingOptions, in folder: RunFolder) {
    self.options = options
    self.folder = folder
  }

  private static func file(of arm: String) -> String { "profile-\(arm).txt" }

  /// Whether a file of a run's folder is a profile.
  static func isFile(_ name: String) -> Bool {
    name.hasPrefix("profile-") && name.hasSuffix(".txt")
  }

  /// Runs one more step of a trainer with every launch timed.
  func add(_ name: String, _ trainer: Trainer, on device: any Device) throws {
    guard options.isWanted else { return }
    let profile = try trainer.accumulate.profiledRun()
    profiles.append((name, profile))
    if options.profile {
      let peaks = try Self.peaks(of: device, for: profile)
      let file = Self.file(of: name)
      try folder.write(profile.table(peaks: peaks) + "\n", to: file)
      try tell("One micro-batch of the \(name):\n" + Self.table(profile, peaks))
      try tell(prose: "Every launch is in \(folder.name)/\(file).\n")
    }
    if let trace = options.trace {
      try WholeFile.write(Profile.chromeTrace(profiles), to: URL(fileURLWithPath: trace))
    }
  }

  /// The device's peaks, measured again where a kernel was faster: other work had slowed the measurement.
  private static func peaks(of device: any Device, for profile: Profile) throws -> DevicePeaks? {
    guard let device = device as? OpenCLDevice else { return nil }
    let best = profile.kinds().map { $0.flops / max($0.seconds, 1e-12) }.max() ?? 0
    let peaks = try device.measurePeaks()
    return best <= peaks.flopsPerSecond ? peaks : try device.measurePeaks()
  }

  /// The kernels that take longest.
  private static func table(_ profile: Profile, _ peaks: DevicePeaks?) -> String {
    let all = profile.kinds(peaks: peaks)
    let total = max(profile.seconds, 1e-12)
    func rate(_ amount: Double, _ kind: Profile.Kind) -> String {
      amount > 0 && kind.seconds > 0 ? fixed(amount / kind.seconds / 1e9, 1) : "-"
    }
    let rows = all.prefix(10).map { kind in
      [
        kind.name, "\(kind.launchCount)", fixed(kind.seconds * 1e3, 3),
        fixed(100 * kind.seconds / total, 1) + " %", rate(kind.flops, kind),
        rate(kind.bytes, kind), share(kind),
      ]
    }
    let rest = all.dropFirst(10)
    let others =
      rest.isEmpty
      ? []
      : [
        [
          "\(rest.count) others", "\(rest.reduce(0) { $0 + $1.launchCount })",
          fixed(rest.reduce(0) { $0 + $1.seconds } * 1e3, 3),
          fixed(100 * rest.reduce(0) { $0 + $1.seconds } / total, 1) + " %", "-", "-", "-",
        ]
      ]
    let sum = [
      "all", "\(profile.launches.count)", fixed(total * 1e3, 3), "100.0 %", "-", "-", "-",
    ]
    let header = ["kernel", "launches", "ms", "share", "GFLOP/s", "GB/s", "of peak"]
    return retort.table([header] + rows + others + [sum])
  }

  /// The least time that the device allows, as a share of what it took. Small operands come from caches, which are faster
  /// than the memory that the peak is that of.
  private static func share(_ kind: Profile.Kind) -> String {
    guard kind.bound > 0, kind.seconds > 0 else { return "-" }
    let share = kind.bound / kind.seconds
    return share > 1 ? "cached" : fixed(100 * share, 0) + " %"
  }
}
