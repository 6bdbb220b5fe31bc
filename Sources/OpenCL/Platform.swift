// Finds every OpenCL device of every installed driver, and what stands in the way of others.
internal import COpenCL

/// The devices of all drivers, with a sentence for each driver or device that fails.
package struct Inventory: Sendable {
  package var devices: [DeviceDescription] = []
  package var problems: [String] = []

  /// Asks all drivers. One that fails hides no other.
  package init() throws {
    var count: cl_uint = 0
    let code = clGetPlatformIDs(0, nil, &count)
    // The loader's word for no platform at all (cl_khr_icd).
    if code == -1001 { return }
    try check(code, "listing the platforms")
    if count == 0 { return }
    var platforms = [cl_platform_id?](repeating: nil, count: Int(count))
    try check(clGetPlatformIDs(count, &platforms, nil), "listing the platforms")
    for (index, platform) in platforms.compactMap({ $0 }).enumerated() { add(platform, index) }
  }

  private mutating func add(_ platform: cl_platform_id, _ platformIndex: Int) {
    let name = platformName(platform)
    var count: cl_uint = 0
    let all = cl_device_type(0xFFFF_FFFF)
    var code = clGetDeviceIDs(platform, all, 0, nil, &count)
    var found = [cl_device_id?](repeating: nil, count: Int(count))
    if code == CL_SUCCESS, count > 0 { code = clGetDeviceIDs(platform, all, count, &found, nil) }
    guard code == CL_SUCCESS, count > 0 else {
      // CL_DEVICE_NOT_FOUND says that all is well but for the device.
      let why =
        [CL_SUCCESS, CL_DEVICE_NOT_FOUND].contains(code)
        ? "" : ": \(OpenCLError.meaning(of: code)) (error \(code))"
      problems.append("Driver \(platformIndex) (\(name)) offers no device\(why).")
      return
    }
    for (index, device) in found.compactMap({ $0 }).enumerated() {
      let identifier = "\(platformIndex):\(index)"
      let handle = DeviceDescription.Handle(platform: platform, device: device)
      do { devices.append(try describe(handle, named: identifier)) } catch {
        problems.append("Device \(identifier) of \(name) cannot be used. \(error)")
      }
    }
  }
}

/// All devices that can be asked; empty where no driver is installed.
package func availableDevices() throws -> [DeviceDescription] { try Inventory().devices }

func platformName(_ platform: cl_platform_id) -> String {
  var bytes = [UInt8](repeating: 0, count: 256)
  clGetPlatformInfo(platform, cl_platform_info(CL_PLATFORM_NAME), 255, &bytes, nil)
  return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
}
