// Finds every OpenCL device of every installed driver, with what each can do.
internal import COpenCL
import Foundation

/// An OpenCL device that a driver offers, named `platform:index`.
public struct DeviceDescription: Sendable, CustomStringConvertible {
  public enum Kind: String, Sendable { case cpu, gpu, accelerator, other }

  /// `platform:index`, the name a user writes.
  public let identifier: String
  public let name: String
  public let platformName: String
  /// The driver's version and the OpenCL version it implements, as the driver writes them.
  public let driverVersion: String
  public let openCLVersion: String
  public let kind: Kind
  public let computeUnits: Int
  /// Bytes of memory in all, of the largest single buffer, and of local memory per work-group.
  public let memoryBytes: Int
  public let maximumAllocationBytes: Int
  public let localMemoryBytes: Int
  public let maximumWorkGroupSize: Int
  /// Bytes to which the start of a sub-buffer must be aligned.
  public let alignmentBytes: Int
  /// The number of `float`s the driver would put into one register.
  public let nativeVectorWidth: Int
  public let extensions: Set<String>
  let handle: Handle

  /// Whether the driver is the Portable Computing Language.
  public var isPoCL: Bool { platformName == "Portable Computing Language" }

  public var description: String { "\(identifier) \(name) (\(platformName))" }

  /// The driver's pointers to a platform and one of its devices. Unchecked, because both are
  /// immutable names that live as long as the process and may be used from any thread.
  struct Handle: @unchecked Sendable {
    let platform: cl_platform_id
    let device: cl_device_id
  }
}

/// The names of the drivers that the loader is told of, whether or not they offer a device: the `.icd` files in
/// `/etc/OpenCL/vendors`, or where `OCL_ICD_VENDORS` says.
public func installedDrivers() -> [String] {
  let environment = ProcessInfo.processInfo.environment
  let folder = environment["OCL_ICD_VENDORS"] ?? "/etc/OpenCL/vendors"
  if folder.hasSuffix(".icd") { return [URL(fileURLWithPath: folder).lastPathComponent] }
  let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  return names.filter { $0.hasSuffix(".icd") }.sorted()
}

/// All devices of all platforms; empty where no driver is installed.
public func availableDevices() throws -> [DeviceDescription] {
  var count: cl_uint = 0
  let code = clGetPlatformIDs(0, nil, &count)
  if code == -1001 || count == 0 { return [] }
  try check(code, "listing the platforms")
  var platforms = [cl_platform_id?](repeating: nil, count: Int(count))
  try check(clGetPlatformIDs(count, &platforms, nil), "listing the platforms")
  var found: [DeviceDescription] = []
  for (platformIndex, platform) in platforms.compactMap({ $0 }).enumerated() {
    var deviceCount: cl_uint = 0
    let all = cl_device_type(0xFFFF_FFFF)
    guard clGetDeviceIDs(platform, all, 0, nil, &deviceCount) == CL_SUCCESS else { continue }
    var devices = [cl_device_id?](repeating: nil, count: Int(deviceCount))
    try check(
      clGetDeviceIDs(platform, all, deviceCount, &devices, nil),
      "listing the devices of platform \(platformIndex)")
    for (index, device) in devices.compactMap({ $0 }).enumerated() {
      let handle = DeviceDescription.Handle(platform: platform, device: device)
      found.append(try describe(handle, named: "\(platformIndex):\(index)"))
    }
  }
  return found
}

private func describe(_ handle: DeviceDescription.Handle, named identifier: String) throws
  -> DeviceDescription
{
  let device = handle.device
  func text(_ what: Int32) throws -> String {
    var size = 0
    try check(
      clGetDeviceInfo(device, cl_device_info(what), 0, nil, &size), "asking device \(identifier)")
    var bytes = [UInt8](repeating: 0, count: size)
    try check(
      clGetDeviceInfo(device, cl_device_info(what), size, &bytes, nil),
      "asking device \(identifier)")
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
  func number<T: FixedWidthInteger>(_ what: Int32, _ zero: T) throws -> Int {
    var value = zero
    try check(
      clGetDeviceInfo(device, cl_device_info(what), MemoryLayout<T>.size, &value, nil),
      "asking device \(identifier)")
    return Int(clamping: value)
  }
  var platformName = [UInt8](repeating: 0, count: 256)
  clGetPlatformInfo(handle.platform, cl_platform_info(CL_PLATFORM_NAME), 255, &platformName, nil)
  let type = try number(CL_DEVICE_TYPE, cl_device_type(0))
  let kind: DeviceDescription.Kind =
    type & 4 != 0 ? .gpu : type & 2 != 0 ? .cpu : type & 8 != 0 ? .accelerator : .other
  return DeviceDescription(
    identifier: identifier,
    name: try text(CL_DEVICE_NAME),
    platformName: String(decoding: platformName.prefix { $0 != 0 }, as: UTF8.self),
    driverVersion: try text(CL_DRIVER_VERSION),
    openCLVersion: try text(CL_DEVICE_VERSION),
    kind: kind,
    computeUnits: try number(CL_DEVICE_MAX_COMPUTE_UNITS, cl_uint(0)),
    memoryBytes: try number(CL_DEVICE_GLOBAL_MEM_SIZE, cl_ulong(0)),
    maximumAllocationBytes: try number(CL_DEVICE_MAX_MEM_ALLOC_SIZE, cl_ulong(0)),
    localMemoryBytes: try number(CL_DEVICE_LOCAL_MEM_SIZE, cl_ulong(0)),
    maximumWorkGroupSize: try number(CL_DEVICE_MAX_WORK_GROUP_SIZE, 0 as Int),
    // The specification counts this one in bits.
    alignmentBytes: max(1, try number(CL_DEVICE_MEM_BASE_ADDR_ALIGN, cl_uint(0)) / 8),
    nativeVectorWidth: try number(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, cl_uint(0)),
    extensions: Set(try text(CL_DEVICE_EXTENSIONS).split(separator: " ").map(String.init)),
    handle: handle)
}
