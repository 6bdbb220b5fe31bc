// Which device a command runs on.
import ArgumentParser
import Foundation
import OpenCL
import OpenCLBackend
import Tensors

/// `--device`, `--profile` and `--trace`, for every command that computes.
struct DeviceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where to compute: auto, reference, or PLATFORM:INDEX.",
      discussion: "auto takes the first GPU, else the first OpenCL device, else the reference."))
  var device = "auto"

  /// Opens the device, saying on standard error where auto had to fall back.
  /// `family` forces a family of kernels.
  func open(profiling: Bool = false, as family: DeviceTraits.Family? = nil) throws -> any Device {
    if device == "reference" { return ReferenceDevice(memoryBytes: Self.memoryLimit ?? 1 << 40) }
    let devices: [DeviceDescription]
    do { devices = try availableDevices() } catch {
      if device != "auto" { throw error }
      return Self.fallBack("\(error)")
    }
    if device == "auto" {
      guard let best = devices.first(where: { $0.kind == .gpu }) ?? devices.first else {
        return Self.fallBack("No OpenCL driver is installed.")
      }
      return try Self.open(best, profiling, family)
    }
    guard let found = devices.first(where: { $0.identifier == device }) else {
      let known = devices.map(\.description).joined(separator: ", ")
      throw ValidationError(
        "There is no device \(device). "
          + (known.isEmpty ? "No OpenCL driver is installed; " : "Devices here: \(known); ")
          + "'reference' always works.")
    }
    return try Self.open(found, profiling, family)
  }

  private static func open(
    _ description: DeviceDescription, _ profiling: Bool, _ family: DeviceTraits.Family?
  ) throws -> any Device {
    var traits =
      family.map { DeviceTraits(of: description, as: $0) } ?? DeviceTraits.tuned(description)
    traits.matrixUnit = MatrixUnit.probe(description, traits: traits)
    if let memoryLimit { traits.memoryBytes = min(traits.memoryBytes, memoryLimit) }
    return try OpenCLDevice(description, traits: traits, profiling: profiling)
  }

  /// `RETORT_MEMORY_LIMIT` in MiB, for sharing a device.
  private static var memoryLimit: Int? {
    ProcessInfo.processInfo.environment["RETORT_MEMORY_LIMIT"].flatMap { Int($0) }.map { $0 << 20 }
  }

  private static func fallBack(_ why: String) -> any Device {
    note("\(why) Computing on the reference device, which is slow; on Debian and Ubuntu,")
    note("`apt-get install pocl-opencl-icd` makes this processor an OpenCL device.")
    return ReferenceDevice(memoryBytes: memoryLimit ?? 1 << 40)
  }
}
