// `retort devices`
import ArgumentParser
import OpenCL
import OpenCLBackend
import Tensors

struct Devices: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the devices that Retort can compute on.",
    discussion: """
      The first column is what --device takes. GFLOP/s (float32 multiply-adds), GB/s (a copy) and the
      time of an empty launch are measured now; `tuned` counts the products that `retort tune` has
      timed with these kernels.
      """)

  func run() throws {
    let inventory = try Inventory()
    let devices = inventory.devices
    var rows = [
      [
        "device", "name", "kind", "units", "memory", "kernels", "GFLOP/s", "GB/s", "us/launch",
        "tuned", "driver",
      ]
    ]
    for device in devices {
      let traits = DeviceTraits(of: device)
      rows.append(
        [
          device.identifier, device.name, device.kind.rawValue, String(device.computeUnits),
          "\(device.memoryBytes >> 20) MiB",
          "\(traits.family.rawValue), vectors of \(traits.vectorWidth)",
        ] + Self.peaks(device) + [
          Self.tuned(device, traits.family), "\(device.platformName) \(device.driverVersion)",
        ])
    }
    rows.append([
      "reference", "plain Swift", "cpu", "1", "-", "none", "-", "-", "-", "-", "always there, slow",
    ])
    try tell(table(rows))
    for problem in inventory.problems { note(problem) }
    if devices.isEmpty {
      note(DeviceOptions.withoutDevices)
      DeviceOptions.adviseOnDrivers()
    } else {
      for problem in driverProblems() { note(problem) }
      for (device, why) in DeviceRanking(devices).left {
        note("\(device) is \(why); a run takes it only if it is named.")
      }
    }
  }

  /// The measured peaks, or dashes with a note where the device fails.
  private static func peaks(_ device: DeviceDescription) -> [String] {
    do {
      let peaks = try OpenCLDevice(device).measurePeaks()
      return [
        fixed(peaks.flopsPerSecond / 1e9, 0), fixed(peaks.bytesPerSecond / 1e9, 0),
        fixed(peaks.secondsPerLaunch * 1e6, 1),
      ]
    } catch {
      note("\(device) does not run kernels: \(error)")
      return ["-", "-", "-"]
    }
  }

  private static func tuned(_ device: DeviceDescription, _ family: DeviceTraits.Family) -> String {
    let count = TuningFile(for: device, family: family)?.findings.count ?? 0
    return count == 0 ? "no" : "\(count) products"
  }
}
