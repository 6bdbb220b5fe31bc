// Profiles of the models that a run trains.
import Foundation
import Storage
import Tensors
import Training

/// Which profiles a run makes of its trainings.
package struct Profiling {
  /// Whether every launch of a step is listed in the run's folder.
  package var listsLaunches = false
  /// A file for all launches in Chrome's trace format.
  package var trace: URL?

  package init() {}

  package var isWanted: Bool { listsLaunches || trace != nil }
}

/// The profiles of a run's trainings.
final class RunProfiles {
  private let options: Profiling
  private let folder: RunFolder
  /// What was measured so far, by the model's name.
  private var profiles: [(name: String, profile: Profile)] = []

  init(_ options: Profiling, in folder: RunFolder) {
    (self.options, self.folder) = (options, folder)
  }

  private static func file(of arm: String) -> String { "profile-\(arm).txt" }

  /// Whether a file of a run's folder is a profile.
  static func isFile(_ name: String) -> Bool {
    name.hasPrefix("profile-") && name.hasSuffix(".txt")
  }

  /// Runs one more step of a trainer with every launch timed.
  func add(_ name: String, _ trainer: Trainer, on device: any Device, _ observer: RunObserver)
    throws
  {
    guard options.isWanted else { return }
    let profile = try trainer.accumulate.profiledRun()
    profiles.append((name, profile))
    if options.listsLaunches {
      let peaks = try Self.peaks(of: device, for: profile)
      let file = Self.file(of: name)
      try folder.write(profile.table(peaks: peaks) + "\n", to: file)
      try observer.tell(.profile(arm: name, profile, peaks, file: file))
    }
    if let trace = options.trace {
      try WholeFile.write(Profile.chromeTrace(profiles), to: trace)
    }
  }

  /// The device's peaks, measured again where a kernel was faster: other work had slowed the measurement.
  private static func peaks(of device: any Device, for profile: Profile) throws -> DevicePeaks? {
    let best = profile.kinds().map { $0.flops / max($0.seconds, 1e-12) }.max() ?? 0
    guard let peaks = try device.measuredPeaks() else { return nil }
    return best <= peaks.flopsPerSecond ? peaks : try device.measuredPeaks()
  }
}
