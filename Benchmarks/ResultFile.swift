// Measurements on disk, and what changed between two files.
import Foundation
import Tensors

/// One case as it was timed.
struct Measurement: Codable {
  let group: String
  let operation: String
  let model: String
  let sizes: [String: Int]
  let name: String
  let seconds: Timing
  let flopCount: Double
  let byteCount: Double
  /// The least time that the device's peaks allow, over the median; nil where nothing bounds it.
  let fractionOfPeak: Double?
  let facts: [String: Double]

  /// "group  name  median ms (middle half)  rates  fraction of peak".
  var line: String {
    var parts = [
      group, name,
      "\(short(seconds.median * 1e3)) ms (\(short(seconds.lowerQuartile * 1e3)) to "
        + "\(short(seconds.upperQuartile * 1e3)))",
    ]
    if flopCount > 0 { parts.append("\(short(flopCount / seconds.median / 1e9)) GFLOP/s") }
    if byteCount > 0 { parts.append("\(short(byteCount / seconds.median / 1e9)) GB/s") }
    if let fractionOfPeak { parts.append("\(Int((fractionOfPeak * 100).rounded())) % of peak") }
    if let tokens = facts["tokens"] {
      parts.append("\(Int(tokens / seconds.median)) tokens/s")
    }
    if let plan = facts["plan_bytes"], let bound = facts["plan_lower_bound_bytes"] {
      parts.append("plan \(Int(plan) >> 20) MiB, lower bound \(Int(bound) >> 20) MiB")
    }
    if let resident = facts["peak_resident_bytes"] {
      parts.append("resident \(Int(resident) >> 20) MiB")
    }
    if let gaps = facts["share_between_launches"] {
      parts.append("\(short(gaps * 100)) % between launches")
    }
    return parts.joined(separator: "  ")
  }

  /// How this compares with an earlier measurement, marked where the middle halves are apart.
  func change(from old: Measurement) -> String {
    let ratio = old.seconds.median / seconds.median
    let moved =
      seconds.upperQuartile < old.seconds.lowerQuartile
      ? "  FASTER" : seconds.lowerQuartile > old.seconds.upperQuartile ? "  SLOWER" : ""
    return "\(short(ratio))x the speed of \(short(old.seconds.median * 1e3)) ms\(moved)"
  }
}

/// A run of the benchmarks on one device.
struct ResultFile: Codable {
  var commit: String
  var date: String
  var device: String
  var precision: String
  var peaks: DevicePeaks
  var measurements: [Measurement]

  init(device: String, precision: String, peaks: DevicePeaks) {
    commit = Self.currentCommit
    date = Date.now.formatted(.iso8601)
    self.device = device
    self.precision = precision
    self.peaks = peaks
    measurements = []
  }

  init(contentsOf path: String) throws {
    self = try JSONDecoder().decode(
      ResultFile.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try (encoder.encode(self) + Data("\n".utf8)).write(
      to: URL(fileURLWithPath: path), options: .atomic)
  }

  /// What git says of the folder that the program was started in.
  private static var currentCommit: String {
    let git = Process()
    git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    git.arguments = ["git", "describe", "--always", "--dirty"]
    let pipe = Pipe()
    git.standardOutput = pipe
    git.standardError = FileHandle.nullDevice
    guard (try? git.run()) != nil else { return "unknown" }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    git.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    return git.terminationStatus == 0 && !text.isEmpty ? text : "unknown"
  }
}

/// A number with three digits that count.
func short(_ x: Double) -> String {
  guard x.isFinite, x != 0 else { return "\(x)" }
  let digits = max(0, 2 - Int(log10(abs(x)).rounded(.down)))
  return String(format: "%.\(min(digits, 6))f", x)
}
