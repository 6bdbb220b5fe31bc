// What an OpenCL call refused to do, as a sentence.
internal import COpenCL

/// A failed OpenCL call: what was being done, what the driver answered, and what to do next.
package struct OpenCLError: Error, CustomStringConvertible, Sendable {
  /// What was being done, such as "allocating 4096 bytes on pocl".
  package let action: String
  /// The driver's error code (OpenCL 3.0 specification, appendix "Error Codes").
  package let code: Int32
  /// Whatever else is known, such as a build log.
  package let detail: String

  package init(action: String, code: Int32, detail: String = "") {
    self.action = action
    self.code = code
    self.detail = detail
  }

  package var description: String {
    var text = "OpenCL failed while \(action): \(OpenCLError.meaning(of: code)) (error \(code))."
    if !detail.isEmpty { text += "\n" + detail }
    return text
  }

  /// Whether the device was lost in the midst of its work: reset by a watchdog, or after a fault.
  package var isLostDevice: Bool { [-14, -36, -9999].contains(code) }

  /// Whether memory was asked for that is not to be had.
  package var isLackOfMemory: Bool { [-4, -5, -6, -61].contains(code) }

  static func meaning(of code: Int32) -> String {
    switch code {
    case -1: "no device of that kind was found"
    case -2: "the device is not available"
    case -3: "the driver has no compiler"
    case -4: "the device has no room for a buffer of that size"
    case -5: "the driver ran out of resources, often local memory or registers"
    case -6: "the driver ran out of host memory"
    case -11: "the kernel source did not build"
    case -13: "a sub-buffer is not aligned as the device demands"
    case -14: "an earlier command failed, and with it the work that waited for it"
    case -30: "an argument has a value that is not allowed"
    case -36:
      "the queue is no longer valid: the device was lost or reset, often by the watchdog of a display that waited too long"
    case -42, -44, -45: "the program or its binary does not fit the device"
    case -46: "the program has no kernel of that name"
    case -48: "the kernel object is not valid"
    case -49, -50, -51, -52: "a kernel argument is missing or does not fit"
    case -53, -54, -55, -56: "the device does not accept that work-group size"
    case -61: "the buffer is larger than the device's largest allocation"
    case -9999:
      "NVIDIA's driver gave up: a kernel touched memory that is not its own, ran too long for a display, or the device was reset"
    case -1001: "no OpenCL driver is installed"
    default: "the driver gave no further reason"
    }
  }
}

/// Throws unless an OpenCL call succeeded.
func check(_ code: cl_int, _ action: @autoclosure () -> String) throws {
  guard code == CL_SUCCESS else { throw OpenCLError(action: action(), code: code) }
}
