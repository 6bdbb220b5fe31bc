// How a device is opened: the memory that is left to it, what was tuned, what was found out about it before.
import Base
import OpenCL
import Tensors

extension OpenCLDevice {
  /// Opens a device with what was tuned for it, the matrix unit that was found to multiply rightly, and no more memory than the
  /// process may have: `RETORT_MEMORY_LIMIT`, a container's limit, and what a display needs are left alone. `family` forces a
  /// family of kernels.
  package convenience init(
    _ description: DeviceDescription, heeding findings: DeviceFindings?,
    as family: DeviceTraits.Family? = nil, profiling: Bool = false
  ) throws {
    var traits =
      family.map { DeviceTraits(of: description, as: $0) } ?? DeviceTraits.tuned(description)
    if traits.family == .gpu {
      traits.matrixUnit = findings?.matrixUnit.map { MatrixUnit($0) }
    }
    traits.memoryBytes = max(0, traits.memoryBytes - DisplayMemory.toLeave(on: description))
    if let limit = try MemoryLimit.given() {
      traits.memoryBytes = min(traits.memoryBytes, limit)
    }
    // A processor's memory is the host's, of which a container may have a part.
    if description.kind == .cpu, let host = MemoryLimit.ofHost {
      traits.memoryBytes = min(traits.memoryBytes, host)
    }
    try self.init(description, traits: traits, profiling: profiling)
  }

  /// The devices of this machine by their names, such as "0:0" for the first device of the first platform, with what they are;
  /// those that `best()` would try first come first. Throws where a driver fails.
  public static func available() throws -> [(name: String, description: String)] {
    DeviceRanking(try availableDevices()).devices.map { ($0.identifier, "\($0)") }
  }

  /// Opens a device by its name, such as "0:0". Throws `UserError` where there is none of that name, and where the tool found
  /// out before that it computes wrongly (`retort selftest`).
  public static func named(_ name: String) throws -> OpenCLDevice { try opened(.named(name)) }

  /// The best device that can be opened: GPUs with memory of their own before those in the processor, then whatever else
  /// speaks OpenCL. What the command line tool has found out about a device is heeded.
  ///
  /// Throws `UserError` where there is none; `ReferenceDevice` then computes without OpenCL, slowly.
  public static func best() throws -> OpenCLDevice {
    var reasons: [String] = []
    for description in DeviceRanking(try availableDevices()).devices {
      do { return try opened(description) } catch let error as OpenCLError {
        reasons.append("\(description) cannot be opened. \(error)")
      } catch let error as UserError { reasons.append(error.description) }
    }
    throw UserError(
      reasons.isEmpty
        ? "There is no OpenCL device: no driver is installed, or none offers one. PoCL (Debian's pocl-opencl-icd) makes "
          + "one of the processor."
        : "No OpenCL device can be used. \(reasons.joined(separator: " "))")
  }

  private static func opened(_ description: DeviceDescription) throws -> OpenCLDevice {
    let findings = DeviceFindings.kept(for: description)
    if let fault = findings?.fault {
      throw UserError("\(description) computes wrongly: \(fault).")
    }
    return try OpenCLDevice(description, heeding: findings)
  }
}

extension DeviceDescription {
  /// The device of a name, such as "0:0". Throws `UserError` where there is none.
  package static func named(_ identifier: String) throws -> DeviceDescription {
    let all = try availableDevices()
    guard let found = all.first(where: { $0.identifier == identifier }) else {
      throw UserError(
        "There is no device \(identifier). Devices here: "
          + (all.isEmpty ? "none" : all.map { "\($0)" }.joined(separator: ", ")) + ".")
    }
    return found
  }
}
