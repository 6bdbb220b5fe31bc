// When a command ran on the device.
internal import COpenCL

/// A finished or pending command of a profiling queue; released with its last reference.
package final class Event {
  let handle: cl_event

  init(_ handle: cl_event) { self.handle = handle }

  deinit { clReleaseEvent(handle) }

  /// Start and end in nanoseconds of the device's clock. Waits for the command.
  package func interval() throws -> (start: UInt64, end: UInt64) {
    var event: cl_event? = handle
    try check(clWaitForEvents(1, &event), "waiting for a command")
    return (try time(CL_PROFILING_COMMAND_START), try time(CL_PROFILING_COMMAND_END))
  }

  private func time(_ what: Int32) throws -> UInt64 {
    var value: cl_ulong = 0
    try check(
      clGetEventProfilingInfo(
        handle, cl_profiling_info(what), MemoryLayout<cl_ulong>.size, &value, nil),
      "reading a command's time")
    return value
  }
}
