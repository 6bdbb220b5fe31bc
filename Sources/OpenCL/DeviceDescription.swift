// What a driver says of one of its devices.
internal import COpenCL

/// An OpenCL device that a driver offers, named `platform:index`.
package struct DeviceDescription: Sendable, CustomStringConvertible {
  package enum Kind: String, Sendable { case cpu, gpu, accelerator, other }

  /// `platform:index`, the name a user writes.
  package let identifier: String
  package let name: String
  package let platformName: String
  /// The driver's version and the OpenCL version it implements, as the driver writes them.
  package let driverVersion: String
  package let openCLVersion: String
  package let kind: Kind
  package let computeUnits: Int
  /// The highest clock in MHz, and whether the device computes in the host's memory; as the driver says.
  package let clock: Int
  package let sharesHostMemory: Bool
  /// Its place on the PCI bus, such as `03:00.0`, where the driver tells.
  package let pciAddress: String?
  /// What is the same for one card under several drivers: its UUID, and its place on the PCI bus.
  package let identities: Set<String>
  /// Bytes of memory in all, of the largest single buffer, and of local memory per work-group.
  package let memoryBytes: Int
  package let maximumAllocationBytes: Int
  package let localMemoryBytes: Int
  package let maximumWorkGroupSize: Int
  /// Bytes to which the start of a sub-buffer must be aligned.
  package let alignmentBytes: Int
  /// The number of `float`s the driver would put into one register.
  package let nativeVectorWidth: Int
  package let extensions: Set<String>
  /// The versions of OpenCL C that the compiler takes, such as 1.2 and 3.0, and the optional features of 3.0.
  package let languages: Set<String>
  package let languageFeatures: Set<String>
  /// How many work-items may share an instruction, where a kernel can choose (`cl_intel_required_subgroup_size`).
  package let subgroupSizes: [Int]
  let handle: Handle

  /// What the compiler must be told so that kernels may use the functions of subgroups: nothing on Intel's drivers,
  /// which have them in every language; elsewhere a language that has them, since without a word from us it is the
  /// latest of 1.x (OpenCL 3.0 specification, section 5.8.6.5). nil where there are none.
  package var subgroupOptions: [String]? {
    if extensions.contains("cl_intel_subgroups") { return [] }
    if languages.contains("3.0"), languageFeatures.contains("__opencl_c_subgroups") {
      return ["-cl-std=CL3.0"]
    }
    let isSecond = languages.contains { $0.hasPrefix("2.") }
    return isSecond && extensions.contains("cl_khr_subgroups") ? ["-cl-std=CL2.0"] : nil
  }

  /// Whether the driver is the Portable Computing Language.
  package var isPoCL: Bool { platformName == "Portable Computing Language" }

  package var description: String { "\(identifier) \(name) (\(platformName))" }

  /// The driver's pointers to a platform and one of its devices. Unchecked, because both are
  /// immutable names that live as long as the process and may be used from any thread.
  struct Handle: @unchecked Sendable {
    let platform: cl_platform_id
    let device: cl_device_id
  }
}

/// Asks a driver for everything that a description has.
func describe(_ handle: DeviceDescription.Handle, named identifier: String) throws
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
  /// Names with versions, which only OpenCL 3.0 lists.
  func versions(_ what: Int32) -> [cl_name_version] {
    var size = 0
    guard clGetDeviceInfo(device, cl_device_info(what), 0, nil, &size) == CL_SUCCESS else {
      return []
    }
    var all = [cl_name_version](
      repeating: cl_name_version(), count: size / MemoryLayout<cl_name_version>.stride)
    guard clGetDeviceInfo(device, cl_device_info(what), size, &all, nil) == CL_SUCCESS else {
      return []
    }
    return all
  }
  // "OpenCL C 1.2", and whatever the driver adds.
  let language = try text(CL_DEVICE_OPENCL_C_VERSION).split(separator: " ").dropFirst(2).first
  let languages = versions(CL_DEVICE_OPENCL_C_ALL_VERSIONS).map {
    "\($0.version >> 22).\($0.version >> 12 & 0x3FF)"
  }
  let features = versions(CL_DEVICE_OPENCL_C_FEATURES).map { feature in
    withUnsafeBytes(of: feature.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
  let extensions = Set(try text(CL_DEVICE_EXTENSIONS).split(separator: " ").map(String.init))
  /// An answer of fixed size, where the driver gives one.
  func bytes(_ what: UInt32, _ count: Int) -> [UInt8]? {
    var all = [UInt8](repeating: 0, count: count)
    var size = 0
    let code = clGetDeviceInfo(device, cl_device_info(what), count, &all, &size)
    return code == CL_SUCCESS && size == count ? all : nil
  }
  /// Bus, device and function as the kernel writes them in /sys, without the domain.
  func pci(_ place: [UInt8]) -> String {
    func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    return "\(hex(place[0])):\(hex(place[1])).\(place[2])"
  }
  // Words of cl_khr_pci_bus_info, the domain first; the last bytes of cl_amd_device_topology; bus and slot of
  // cl_nv_device_attribute_query.
  let pciAddress =
    if extensions.contains("cl_khr_pci_bus_info"), let all = bytes(0x410F, 16) {
      pci([all[4], all[8], all[12]])
    } else if extensions.contains("cl_amd_device_attribute_query"), let all = bytes(0x4037, 24) {
      pci(Array(all[21...]))
    } else if extensions.contains("cl_nv_device_attribute_query"), let bus = bytes(0x4008, 4),
      let slot = bytes(0x4009, 4)
    {
      pci([bus[0], slot[0] >> 3, slot[0] & 7])
    } else {
      String?.none
    }
  let uuid = extensions.contains("cl_khr_device_uuid") ? bytes(0x106A, 16).map { "\($0)" } : nil
  /// CL_DEVICE_SUB_GROUP_SIZES_INTEL, a list.
  func subgroupSizes() -> [Int] {
    var size = 0
    guard extensions.contains("cl_intel_required_subgroup_size"),
      clGetDeviceInfo(device, 0x4108, 0, nil, &size) == CL_SUCCESS
    else { return [] }
    var all = [Int](repeating: 0, count: size / MemoryLayout<Int>.stride)
    return clGetDeviceInfo(device, 0x4108, size, &all, nil) == CL_SUCCESS ? all : []
  }
  let type = try number(CL_DEVICE_TYPE, cl_device_type(0))
  let kind: DeviceDescription.Kind =
    type & 4 != 0 ? .gpu : type & 2 != 0 ? .cpu : type & 8 != 0 ? .accelerator : .other
  return DeviceDescription(
    identifier: identifier,
    name: try text(CL_DEVICE_NAME),
    platformName: platformName(handle.platform),
    driverVersion: try text(CL_DRIVER_VERSION),
    openCLVersion: try text(CL_DEVICE_VERSION),
    kind: kind,
    computeUnits: try number(CL_DEVICE_MAX_COMPUTE_UNITS, cl_uint(0)),
    clock: (try? number(CL_DEVICE_MAX_CLOCK_FREQUENCY, cl_uint(0))) ?? 0,
    sharesHostMemory: (try? number(CL_DEVICE_HOST_UNIFIED_MEMORY, cl_bool(0))) ?? 0 != 0,
    pciAddress: pciAddress,
    identities: Set([uuid, pciAddress].compactMap { $0 }),
    memoryBytes: try number(CL_DEVICE_GLOBAL_MEM_SIZE, cl_ulong(0)),
    maximumAllocationBytes: try number(CL_DEVICE_MAX_MEM_ALLOC_SIZE, cl_ulong(0)),
    localMemoryBytes: try number(CL_DEVICE_LOCAL_MEM_SIZE, cl_ulong(0)),
    maximumWorkGroupSize: try number(CL_DEVICE_MAX_WORK_GROUP_SIZE, 0 as Int),
    // The specification counts this one in bits.
    alignmentBytes: max(1, try number(CL_DEVICE_MEM_BASE_ADDR_ALIGN, cl_uint(0)) / 8),
    nativeVectorWidth: try number(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, cl_uint(0)),
    extensions: extensions,
    languages: Set(languages + [language.map(String.init)].compactMap { $0 }),
    languageFeatures: Set(features),
    subgroupSizes: subgroupSizes(),
    handle: handle)
}
