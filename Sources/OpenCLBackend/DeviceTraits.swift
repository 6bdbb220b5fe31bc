// What a driver says of its device, in the terms in which ops choose their kernels.
import OpenCL
import Tensors

extension DeviceTraits {
  /// The traits of a device, of its own family unless another is asked for.
  package init(of device: DeviceDescription, as family: Family? = nil) {
    let family = family ?? (device.kind == .cpu ? .cpu : .gpu)
    // Rows of a GPU are shared by a power of two of lanes that its work-groups allow.
    var lanes = 128
    while lanes > device.maximumWorkGroupSize { lanes /= 2 }
    let width = [4, 8, 16].last { $0 <= device.nativeVectorWidth } ?? 4
    self.init(
      family: family,
      vectorWidth: family == .cpu ? width : 4,
      lanes: family == .cpu ? 1 : lanes,
      computeUnits: max(1, device.computeUnits),
      maximumWorkGroupSize: device.maximumWorkGroupSize,
      localMemoryBytes: device.localMemoryBytes,
      memoryBytes: device.memoryBytes,
      maximumAllocationBytes: device.maximumAllocationBytes,
      // At least a cache line, so that vectors never straddle two.
      alignmentBytes: max(64, device.alignmentBytes))
    usesSubBuffers = device.releasesSubBuffers
    hasSubgroups = device.subgroupOptions != nil
  }
}
