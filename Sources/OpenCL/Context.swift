// One device opened for work.
internal import COpenCL

/// An OpenCL context that holds exactly one device.
package final class Context {
  package let device: DeviceDescription
  let handle: cl_context

  package init(_ device: DeviceDescription) throws {
    self.device = device
    var code: cl_int = 0
    var properties: [cl_context_properties] = [
      cl_context_properties(CL_CONTEXT_PLATFORM),
      cl_context_properties(bitPattern: UInt(bitPattern: device.handle.platform)), 0,
    ]
    var id: cl_device_id? = device.handle.device
    let context = clCreateContext(&properties, 1, &id, nil, nil, &code)
    guard let context else { throw OpenCLError(action: "opening \(device)", code: code) }
    handle = context
  }

  deinit { clReleaseContext(handle) }
}
