// Which device a command runs on.
import ArgumentParser
import Experiments
import Foundation
import OpenCL
import OpenCLBackend
import Tensors

/// `--device`, `--profile` and `--trace`, for every command that computes.
struct DeviceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where to compute: auto, reference, or PLATFORM:INDEX.",
      discussion: "auto takes the best GPU, else the first OpenCL device, else the reference."))
  var device = "auto"

  /// Opens the device, saying on standard error which others there are and where auto had to fall back. `family`
  /// forces a family of kernels. A device that computed wrongly when it was first met is refused, unless `isOnTrial`.
  func open(
    profiling: Bool = false, as family: DeviceTraits.Family? = nil, isOnTrial: Bool = false
  ) throws -> any Device {
    let opening = Opening(
      profiling: profiling, family: family, isOnTrial: isOnTrial, limit: try MemoryLimit.given())
    if device == "reference" { return opening.reference }
    let devices: [DeviceDescription]
    do { devices = try availableDevices() } catch {
      if device != "auto" { throw error }
      return fallBack("\(error)", opening)
    }
    if device == "auto" { return try best(of: devices, opening) }
    guard let found = devices.first(where: { $0.identifier == device }) else {
      let known = devices.map(\.description).joined(separator: ", ")
      throw ValidationError(
        "There is no device \(device). "
          + (known.isEmpty ? "\(Self.withoutDevices) " : "Devices here: \(known); ")
          + "'reference' always works.")
    }
    return try opening.open(found)
  }

  /// The best device that computes rightly. Others that a person may want are named.
  private func best(of devices: [DeviceDescription], _ opening: Opening) throws -> any Device {
    let ranking = DeviceRanking(devices)
    for (index, device) in ranking.devices.enumerated() {
      do {
        let opened = try opening.open(device)
        let others = ranking.devices.dropFirst(index + 1).filter { $0.kind == .gpu }
        if device.kind == .gpu, !others.isEmpty {
          let names = others.map(\.description).joined(separator: ", ")
          note("Computing on \(device). Other GPUs here, for --device: \(names).")
        }
        return opened
      } catch let refusal as WrongDevice {
        warn("\(refusal)")
      } catch let error as OpenCLError { warn("\(device) cannot be opened. \(error)") }
    }
    return fallBack(devices.isEmpty ? Self.withoutDevices : "No device can be used.", opening)
  }

  /// How devices are opened.
  private struct Opening {
    let profiling: Bool
    let family: DeviceTraits.Family?
    let isOnTrial: Bool
    let limit: Int?

    var reference: ReferenceDevice {
      ReferenceDevice(memoryBytes: min(MemoryLimit.ofHost ?? 1 << 40, limit ?? .max))
    }

    func open(_ description: DeviceDescription) throws -> any Device {
      let findings = Examination.findings(of: description)
      if let fault = findings.fault, !isOnTrial {
        throw WrongDevice(device: description, fault: fault)
      }
      let device = try OpenCLDevice(
        description, heeding: findings, as: family, profiling: profiling)
      if let program = Bundle.main.executableURL {
        device.compile(
          ahead: CompilationAhead(
            executable: program, arguments: [Compile._commandName, description.identifier]))
      }
      return device
    }
  }

  /// Why there is no OpenCL device, as far as it can be seen.
  static var withoutDevices: String {
    let drivers = installedDrivers()
    let problems = driverProblems() + ((try? Inventory().problems) ?? [])
    let why =
      drivers.isEmpty
      ? "No OpenCL driver is installed."
      : "OpenCL drivers are installed (\(drivers.joined(separator: ", "))), but none offers a device"
        + (problems.isEmpty
          ? ": a driver may need a cache folder that it can write to (HOME or XDG_CACHE_HOME; POCL_CACHE_DIR for "
            + "PoCL)." : ".")
    return ([why] + problems).joined(separator: " ")
  }

  /// What makes a processor an OpenCL device where nothing is one.
  static func adviseOnDrivers() {
    guard installedDrivers().isEmpty else { return }
    note(
      "On Debian and Ubuntu, `apt-get install pocl-opencl-icd` makes this processor an OpenCL device."
    )
  }

  private func fallBack(_ why: String, _ opening: Opening) -> any Device {
    warn("\(why) Computing on the reference device, which is slow.")
    Self.adviseOnDrivers()
    return opening.reference
  }
}

/// A device that computes wrongly.
struct WrongDevice: Error, CustomStringConvertible {
  let device: DeviceDescription
  let fault: String

  var description: String {
    "\(device) with driver \(device.driverVersion) did not pass the check at its first use (\(fault)). "
      + "`retort selftest --device \(device.identifier)` shows more; another driver may help."
      + (DeviceFindings.url(for: device).map {
        " Without \($0.path), where the answer is kept, it is checked again."
      } ?? "")
  }
}
