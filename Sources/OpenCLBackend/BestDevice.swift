// The device that a program takes when it does not care which.
import Base
import OpenCL
import Tensors

extension OpenCLDevice {
  /// The best device that can be opened: GPUs with memory of their own before those in the processor, then whatever else
  /// speaks OpenCL. What the command line tool has found out about a device is heeded: the kernels that it tuned, the matrix
  /// unit that it tried, and whether the device computes rightly (`retort selftest`).
  ///
  /// Throws `UserError` where there is none; `ReferenceDevice` then computes without OpenCL, slowly.
  public static func best() throws -> OpenCLDevice {
    var reasons: [String] = []
    for description in DeviceRanking(try availableDevices()).devices {
      let findings = DeviceFindings.kept(for: description)
      if let fault = findings?.fault {
        reasons.append("\(description) computes wrongly (\(fault))")
        continue
      }
      var traits = DeviceTraits.tuned(description)
      if traits.family == .gpu {
        traits.matrixUnit = findings?.matrixUnit.map { MatrixUnit($0) }
      }
      do { return try OpenCLDevice(description, traits: traits) } catch let error as OpenCLError {
        reasons.append("\(description) cannot be opened (\(error))")
      }
    }
    throw UserError(
      reasons.isEmpty
        ? "There is no OpenCL device: no driver is installed, or none offers one. PoCL (Debian's pocl-opencl-icd) makes "
          + "one of the processor."
        : "No OpenCL device can be used: \(reasons.joined(separator: "; ")).")
  }
}
