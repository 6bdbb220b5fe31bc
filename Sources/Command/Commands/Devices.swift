// `retort devices`
import ArgumentParser
import Base
import OpenCL
import OpenCLBackend
import Storage
import Tensors

struct Devices: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the devices that Retort can compute on.",
    discussion: """
      The first column is what --device takes. GFLOP/s (float32 multiply-adds), GB/s (a copy) and the
      time of an empty launch are measured now; `tuned` counts the products that `retort tune` has
      timed with these kernels.
      """)

  @OptionGroup var results: ResultOptions

  func run() throws {
    let inventory = try Inventory()
    let devices = inventory.devices
    let rows = devices.map(Row.init)
    if results.json {
      try tell(
        json: JSONObject([("devices", rows.map(\.json) + [Row.referenceJSON])]))
    } else {
      try tell(table([Row.header] + rows.map(\.cells) + [Row.reference]))
    }
    for problem in inventory.problems { warn(problem) }
    if devices.isEmpty {
      warn(DeviceOptions.withoutDevices)
      DeviceOptions.adviseOnDrivers()
    } else {
      for problem in driverProblems() { warn(problem) }
      for (device, why) in DeviceRanking(devices).left {
        note("\(device) is \(why); a run takes it only if it is named.")
      }
    }
  }
}

/// A device as the list shows it.
private struct Row {
  private let device: DeviceDescription
  private let traits: DeviceTraits
  /// nil where the device does not run kernels.
  private let peaks: DevicePeaks?
  private let tunedCount: Int

  init(_ device: DeviceDescription) {
    self.device = device
    traits = DeviceTraits(of: device)
    tunedCount = TuningFile(for: device, family: traits.family)?.findings.count ?? 0
    do { peaks = try OpenCLDevice(device).measurePeaks() } catch {
      warn("\(device) does not run kernels: \(error)")
      peaks = nil
    }
  }

  static let header = [
    "device", "name", "kind", "units", "memory", "kernels", "GFLOP/s", "GB/s", "us/launch",
    "tuned", "driver",
  ]

  static let reference = [
    "reference", "plain Swift", "cpu", "1", "-", "none", "-", "-", "-", "-", "always there, slow",
  ]

  var cells: [String] {
    let numbers = peaks.map {
      [
        fixed($0.flopsPerSecond / 1e9, 0), fixed($0.bytesPerSecond / 1e9, 0),
        fixed($0.secondsPerLaunch * 1e6, 1),
      ]
    }
    return [
      device.identifier, device.name, device.kind.rawValue, String(device.computeUnits),
      "\(device.memoryBytes >> 20) MiB",
      "\(traits.family.rawValue), vectors of \(traits.vectorWidth)",
    ] + (numbers ?? ["-", "-", "-"]) + [
      tunedCount == 0 ? "no" : counted(tunedCount, "product"),
      "\(device.platformName) \(device.driverVersion)",
    ]
  }

  static var referenceJSON: JSONObject {
    JSONObject([
      ("device", "reference"), ("name", "plain Swift"), ("kind", "cpu"), ("compute_units", 1),
    ])
  }

  var json: JSONObject {
    JSONObject([
      ("device", device.identifier), ("name", device.name), ("kind", device.kind.rawValue),
      ("compute_units", device.computeUnits), ("memory_bytes", device.memoryBytes),
      ("kernels", traits.family.rawValue), ("vector_width", traits.vectorWidth),
      ("flops_per_second", peaks?.flopsPerSecond), ("bytes_per_second", peaks?.bytesPerSecond),
      ("seconds_per_launch", peaks?.secondsPerLaunch), ("tuned_products", tunedCount),
      ("platform", device.platformName), ("driver", device.driverVersion),
    ])
  }
}
