// What the tuner found, on disk.
import Foundation
import OpenCL
import Tensors

/// The findings for one device, driver and text of the kernels. A file that is missing, damaged or
/// for other kernels is no error: then nothing is known.
package struct TuningFile {
  package private(set) var findings: [Tuner.Finding]
  package let url: URL

  /// The file of a device in the kernel cache's folder; nil where nothing is cached.
  package init?(for device: DeviceDescription, family: DeviceTraits.Family) {
    guard let folder = KernelCache.standardFolder else { return nil }
    let sources = KernelSources()
    let files = ["matmul_cpu.cl", "matmul_gpu.cl"]
    let text = files.compactMap { try? sources.expanded("#include \"\($0)\"") }
    let key = KernelCache.Key(device, "tuning 1 \(family)\n" + text.joined())
    url = folder.appending(path: "tuning-" + key.digest + ".json")
    let data = try? Data(contentsOf: url)
    findings = data.flatMap { try? JSONDecoder().decode([Tuner.Finding].self, from: $0) } ?? []
  }

  /// Replaces what was known of the same problems, and writes the file.
  package mutating func add(_ new: [Tuner.Finding]) throws {
    let replaced = Set(new.map(\.problem))
    findings = findings.filter { !replaced.contains($0.problem) } + new
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try encoder.encode(findings).write(to: url, options: .atomic)
  }

  package var tuning: Tuning {
    Tuning(Dictionary(findings.map { ($0.problem, $0.plan) }) { $1 })
  }
}

extension DeviceTraits {
  /// The device's traits with what the tuner found on it.
  package static func tuned(_ device: DeviceDescription) -> DeviceTraits {
    var traits = DeviceTraits(of: device)
    if let file = TuningFile(for: device, family: traits.family) { traits.tuning = file.tuning }
    return traits
  }
}
