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
    let limit = try MemoryLimit.given()
    let hostMemory = min(MemoryLimit.ofHost ?? 1 << 40, limit ?? .max)
    if device == "reference" { return ReferenceDevice(memoryBytes: hostMemory) }
    let devices: [DeviceDescription]
    do { devices = try availableDevices() } catch {
      if device != "auto" { throw error }
      return Self.fallBack("\(error)", hostMemory)
    }
    if device == "auto" {
      guard let best = devices.first(where: { $0.kind == .gpu }) ?? devices.first else {
        return Self.fallBack(Self.withoutDevices, hostMemory)
      }
      return try Self.open(best, profiling, family, limit)
    }
    guard let found = devices.first(where: { $0.identifier == device }) else {
      let known = devices.map(\.description).joined(separator: ", ")
      throw ValidationError(
        "There is no device \(device). "
          + (known.isEmpty ? "\(Self.withoutDevices) " : "Devices here: \(known); ")
          + "'reference' always works.")
    }
    return try Self.open(found, profiling, family, limit)
  }

  private static func open(
    _ description: DeviceDescription, _ profiling: Bool, _ family: DeviceTraits.Family?,
    _ limit: Int?
  ) throws -> any Device {
    var traits =
      family.map { DeviceTraits(of: description, as: $0) } ?? DeviceTraits.tuned(description)
    traits.matrixUnit = MatrixUnit.probe(description, traits: traits)
    if let limit { traits.memoryBytes = min(traits.memoryBytes, limit) }
    // A processor's memory is the host's, of which a container may have a part.
    if description.kind == .cpu, let host = MemoryLimit.ofHost {
      traits.memoryBytes = min(traits.memoryBytes, host)
    }
    return try OpenCLDevice(description, traits: traits, profiling: profiling)
  }

  /// Why there is no OpenCL device, as far as it can be seen.
  static var withoutDevices: String {
    switch installedDrivers() {
    case []: "No OpenCL driver is installed."
    case let drivers:
      "OpenCL drivers are installed (\(drivers.joined(separator: ", "))), but none offers a device: a driver may need "
        + "a cache folder that it can write to (HOME or XDG_CACHE_HOME; POCL_CACHE_DIR for PoCL), or rights on the "
        + "hardware."
    }
  }

  private static func fallBack(_ why: String, _ memoryBytes: Int) -> any Device {
    note("\(why) Computing on the reference device, which is slow.")
    if installedDrivers().isEmpty {
      note(
        "On Debian and Ubuntu, `apt-get install pocl-opencl-icd` makes this processor an OpenCL device."
      )
    }
    return ReferenceDevice(memoryBytes: memoryBytes)
  }
}
