// What ops are told of a device.

/// What a device is like, never which device it is.
public struct DeviceTraits: Sendable, Hashable {
  /// Whether kernels are shaped for few wide cores or for many narrow lanes.
  package enum Family: String, Sendable, CaseIterable { case cpu, gpu }

  package var family: Family
  /// Elements per vector load.
  package var vectorWidth: Int
  /// Work-items that share a row; 1 means a kernel without barriers.
  package var lanes: Int
  package var computeUnits: Int
  package var maximumWorkGroupSize: Int
  package var localMemoryBytes: Int
  package var memoryBytes: Int
  package var maximumAllocationBytes: Int
  /// Alignment of values inside one allocation.
  package var alignmentBytes: Int
  /// Whether values that live at one time may lie in one allocation, as sub-buffers of it.
  package var usesSubBuffers = true
  /// Whether work-items of a subgroup can add up without local memory.
  package var hasSubgroups = false
  /// What multiplies matrices of 16 bits, where something does and gave the right numbers.
  package var matrixUnit: MatrixUnit?
  /// About the most memory in which a processor's product has its right operand packed, in bytes: a larger one is packed
  /// and multiplied a piece at a time, of whole slices and all batches.
  var packedBytes = 128 << 20
  /// What tuning found out about this device.
  package var tuning = Tuning()

  package init(
    family: Family, vectorWidth: Int, lanes: Int, computeUnits: Int,
    maximumWorkGroupSize: Int, localMemoryBytes: Int, memoryBytes: Int,
    maximumAllocationBytes: Int, alignmentBytes: Int
  ) {
    self.family = family
    self.vectorWidth = vectorWidth
    self.lanes = lanes
    self.computeUnits = computeUnits
    self.maximumWorkGroupSize = maximumWorkGroupSize
    self.localMemoryBytes = localMemoryBytes
    self.memoryBytes = memoryBytes
    self.maximumAllocationBytes = maximumAllocationBytes
    self.alignmentBytes = alignmentBytes
  }

  /// Plans with groups of at most `size` work-items from now on.
  package mutating func limitWorkGroups(to size: Int) {
    maximumWorkGroupSize = min(maximumWorkGroupSize, size)
    while lanes > max(1, maximumWorkGroupSize) { lanes /= 2 }
  }

  /// The same device for kernels whose work-items share nothing: those of processors, one item a group. Slow on a
  /// GPU, and right on any.
  var withoutLocalMemory: DeviceTraits {
    var traits = self
    (traits.family, traits.lanes) = (.cpu, 1)
    return traits
  }

  /// Work-items of a group in kernels whose work-items share nothing.
  package var groupSize: Int { family == .cpu ? 1 : min(64, maximumWorkGroupSize) }

  /// How many work-groups a row kernel is spread over: enough to balance, few enough that a
  /// group is worth its start.
  var rowGroupLimit: Int { family == .cpu ? computeUnits * 16 : 65_536 }

  /// The build constants of kernels in which lanes share rows.
  var rowDefines: [String: Int] {
    var defines = ["VECTOR": vectorWidth, "LANES": lanes]
    if hasSubgroups && lanes > 1 { defines["SUBGROUPS"] = 1 }
    return defines
  }

  /// How many vectors a core keeps in registers: AVX-512 and NEON have 32, AVX2 and SSE 16.
  var vectorRegisters: Int {
    #if arch(arm64)
      32
    #else
      vectorWidth >= 16 ? 32 : 16
    #endif
  }

  /// The widest vector, up to the device's, that divides `extent`.
  func vectorWidth(dividing extent: Int) -> Int {
    var width = vectorWidth
    while extent % width != 0 { width /= 2 }
    return width
  }
}
