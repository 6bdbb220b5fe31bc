// Times kernels and training steps on a device: `swift run -c release benchmarks --help`.
import ArgumentParser
import Foundation
import OpenCL
import OpenCLBackend
import Tensors
import Training

extension Precision: ExpressibleByArgument {}

@main
struct Benchmarks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmarks", abstract: "Time Retort's kernels and steps on an OpenCL device.",
    discussion: """
      For each case: the median of repeated runs after warm-up with the range of the middle half, \
      GFLOP/s, GB/s (every operand and result counted once), and the fraction of what the device \
      can do, from peaks that are measured first. Peers/run does the same work in other frameworks.
      """)

  @Argument(
    help: ArgumentHelp(
      "What to time: \(Group.allCases.map(\.rawValue).joined(separator: ", ")), or all.",
      valueName: "group"))
  var groups = ["all"]

  @Option(help: "The device, as PLATFORM:INDEX.")
  var device = "0:0"

  @Option(help: "Only cases whose name contains this.")
  var filter: String?

  @Option(help: "How products' operands and steps' values are stored: fp32, bf16 or fp16.")
  var precision = Precision.fp32

  @Option(help: "Seconds per case, after warm-up.")
  var seconds = 1.0

  @Option(help: "Write the measurements to this file.")
  var json: String?

  @Option(help: "Show the change against a file that --json wrote.")
  var compare: String?

  @Flag(help: "Print each case's graph with the time of every line instead.")
  var profile = false

  @Option(
    help: ArgumentHelp(
      "Write the programs that GPUs of each class would build into folders here instead.",
      valueName: "folder"))
  var programs: String?

  @Option(
    help: ArgumentHelp(
      "Write the launches of GPUs of this class, with what the device computes for them, into --programs instead.",
      valueName: "class"))
  var launches: String?

  func validate() throws {
    if launches != nil && programs == nil {
      throw ValidationError("--launches needs a folder: --programs.")
    }
    for group in groups where group != "all" && Group(rawValue: group) == nil {
      throw ValidationError("There is no group \(group): see --help.")
    }
  }

  private var chosen: [BenchmarkCase] {
    let all =
      MatMulCases(storage: precision.storage).all
      + DecodingCases.all + AttentionCases(storage: precision.storage).all + RowCases.all
      + LossCases.all + MemoryCases.all + StepCases(precision: precision).all
    return all.filter { item in
      (groups.contains("all") || groups.contains(item.group.rawValue))
        && (filter.map { item.name.contains($0) } ?? true)
    }
  }

  private var described: DeviceDescription {
    get throws {
      guard let found = try availableDevices().first(where: { $0.identifier == device }) else {
        throw ValidationError("There is no OpenCL device \(device).")
      }
      return found
    }
  }

  func run() throws {
    if let programs, let launches {
      guard let gpu = GPUClass.all.first(where: { $0.name == launches }) else {
        throw ValidationError("There is no class \(launches) of GPUs.")
      }
      let count = try gpu.writeLaunches(
        to: URL(fileURLWithPath: programs), computedOn: try described)
      print("\(gpu.name): \(count) launches")
      return
    }
    if let programs {
      for gpu in GPUClass.all {
        let folder = URL(fileURLWithPath: programs).appending(path: gpu.name)
        print("\(gpu.name): \(try gpu.writePrograms(to: folder)) programs")
      }
      return
    }
    let description = try described
    let old = try compare.map(ResultFile.init(contentsOf:))
    let opened = try open(description)
    let peaks = try opened.measurePeaks()
    print(
      "\(description), driver \(description.driverVersion): "
        + "\(short(peaks.flopsPerSecond / 1e9)) GFLOP/s, \(short(peaks.bytesPerSecond / 1e9)) GB/s, "
        + "\(short(peaks.secondsPerLaunch * 1e6)) us per launch, "
        + (opened.traits.matrixUnit.map { unit in
          "\(unit.kind) matrix units, "
            + "\(short((peaks.unitFlopsPerSecond ?? 0) / 1e9)) GFLOP/s"
        } ?? "no matrix units"))
    if profile {
      for item in chosen { try profile(item, on: description, peaks) }
      return
    }
    var results = ResultFile(
      device: "\(description), driver \(description.driverVersion)",
      precision: precision.rawValue, peaks: peaks)
    for item in chosen {
      let measured: Measurement
      do { measured = try measure(item, on: description, peaks) } catch let error as MemoryError {
        print("\(item.group.rawValue)  \(item.name)  left out: \(error)")
        continue
      }
      results.measurements.append(measured)
      let before = old?.measurements.first {
        $0.group == measured.group && $0.name == measured.name
      }
      print(measured.line + (before.map { "  " + measured.change(from: $0) } ?? ""))
      fflush(nil)
      // Written after every case, so that an interrupted run leaves what it has.
      if let json { try results.write(to: json) }
    }
  }

  private func measure(
    _ item: BenchmarkCase, on description: DeviceDescription, _ peaks: DevicePeaks
  ) throws -> Measurement {
    if item.group == .step { ResidentMemory.resetPeak() }
    let device = try open(description)
    var work = try item.prepare(device)
    let seconds = try timed(seconds: seconds) {
      try work.run()
      try device.finish()
    }
    if item.group == .step {
      work.facts["peak_resident_bytes"] = ResidentMemory.peak.map(Double.init)
      let gaps = try timeBetweenLaunches(item, description)
      work.facts["share_between_launches"] = gaps
    }
    let flops = item.flopCount > 0 ? item.flopCount : work.facts["flops"] ?? 0
    let bound = peaks.bound(
      flopCount: flops, byteCount: item.byteCount,
      of: item.isOfProducts ? precision.storage : .float32)
    return Measurement(
      group: item.group.rawValue, operation: item.operation, model: item.model,
      sizes: Dictionary(item.sizes.map { ($0.key, $0.value) }) { $1 }, name: item.name,
      seconds: seconds, flopCount: flops, byteCount: item.byteCount,
      fractionOfPeak: bound > 0 ? bound / seconds.median : nil, facts: work.facts)
  }

  /// The device as a run would open it: with what tuning and probing found.
  private func open(_ description: DeviceDescription, profiling: Bool = false) throws
    -> OpenCLDevice
  {
    var traits = DeviceTraits.tuned(description)
    traits.matrixUnit = MatrixUnit.probe(description)
    return try OpenCLDevice(description, traits: traits, profiling: profiling)
  }

  /// The share of a step in which no kernel runs.
  private func timeBetweenLaunches(_ item: BenchmarkCase, _ description: DeviceDescription) throws
    -> Double
  {
    let work = try item.prepare(open(description, profiling: true))
    try work.run()
    let profile = try work.profile()
    return 1 - profile.seconds / profile.span
  }

  private func profile(
    _ item: BenchmarkCase, on description: DeviceDescription, _ peaks: DevicePeaks
  ) throws {
    let work = try item.prepare(open(description, profiling: true))
    for _ in 0..<2 { try work.run() }
    print("\(item.group.rawValue)  \(item.name)\n\(try work.profile().table(peaks: peaks))\n")
  }
}

/// What the kernel says of this process's memory.
enum ResidentMemory {
  /// Starts a new peak, where the system can.
  static func resetPeak() {
    try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
  }

  /// Bytes, since the latest reset; nil where the system does not tell.
  static var peak: Int? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = line.split(separator: " ").dropLast().last.flatMap({ Int($0) })
    else { return nil }
    return kibibytes << 10
  }
}
