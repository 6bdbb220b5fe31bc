// Kernel source built for one device.
internal import COpenCL

/// A built program. A failure to build throws with the options and the driver's log.
package final class Program {
  let handle: cl_program
  let device: DeviceDescription

  /// Builds OpenCL C source text.
  package init(_ context: Context, source: String, options: String, name: String) throws {
    device = context.device
    var code: cl_int = 0
    let made: cl_program? = source.withCString { text in
      var pointer: UnsafePointer<CChar>? = text
      return clCreateProgramWithSource(context.handle, 1, &pointer, nil, &code)
    }
    guard let made else {
      throw OpenCLError(action: "loading the source of \(name)", code: code)
    }
    handle = made
    try build(options: options, name: name)
  }

  /// Builds a binary that `binary()` returned earlier on the same device and driver.
  package init(_ context: Context, binary: [UInt8], options: String, name: String) throws {
    device = context.device
    var code: cl_int = 0
    var status: cl_int = 0
    var id: cl_device_id? = context.device.handle.device
    var size = binary.count
    let made: cl_program? = binary.withUnsafeBufferPointer { bytes in
      var pointer: UnsafePointer<UInt8>? = bytes.baseAddress
      return clCreateProgramWithBinary(
        context.handle, 1, &id, &size, &pointer, &status, &code)
    }
    guard let made, code == CL_SUCCESS, status == CL_SUCCESS else {
      throw OpenCLError(action: "loading the binary of \(name)", code: code)
    }
    handle = made
    try build(options: options, name: name)
  }

  deinit { clReleaseProgram(handle) }

  private func build(options: String, name: String) throws {
    var id: cl_device_id? = device.handle.device
    let code = clBuildProgram(handle, 1, &id, options, nil, nil)
    guard code == CL_SUCCESS else {
      throw OpenCLError(
        action: "building \(name) for \(device)", code: code,
        detail: [knownFault(in: log()), "options: \(options)\nlog:\n\(log())"].compactMap { $0 }
          .joined(separator: "\n"))
    }
  }

  private func log() -> String {
    var size = 0
    let what = cl_program_build_info(CL_PROGRAM_BUILD_LOG)
    clGetProgramBuildInfo(handle, device.handle.device, what, 0, nil, &size)
    var bytes = [UInt8](repeating: 0, count: size + 1)
    clGetProgramBuildInfo(handle, device.handle.device, what, size, &bytes, nil)
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// The built program in the driver's own format.
  package func binary() throws -> [UInt8] {
    var size = 0
    try check(
      clGetProgramInfo(
        handle, cl_program_info(CL_PROGRAM_BINARY_SIZES), MemoryLayout<Int>.size, &size, nil),
      "asking for the size of a program binary")
    var bytes = [UInt8](repeating: 0, count: size)
    try bytes.withUnsafeMutableBufferPointer { buffer in
      var pointer = buffer.baseAddress
      try check(
        clGetProgramInfo(
          handle, cl_program_info(CL_PROGRAM_BINARIES),
          MemoryLayout<UnsafeMutablePointer<UInt8>?>.size, &pointer, nil),
        "asking for a program binary")
    }
    return bytes
  }
}

/// What is known of a fault of an installation that shows in a build log.
func knownFault(in log: String) -> String? {
  // Mesa 26 with an unpatched libclc 22: any use of a library function fails (darktable issues 21662 and 22188).
  if log.contains("nir_shader not fully linked") || log.contains("Mesa libclc not detected") {
    return """
      This is a known fault of Mesa's OpenCL (rusticl) with the libclc that is installed, and not of the kernel: \
      install the libclc that Mesa's packages were made with, or an older one (19 works).
      """
  }
  return nil
}
