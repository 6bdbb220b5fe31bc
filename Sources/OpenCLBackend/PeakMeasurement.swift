// Measures what a device can do at best.
import OpenCL
import Tensors

extension OpenCLDevice {
  /// Measures the device's peaks, the best of several tries each; takes about a second.
  public func measurePeaks() throws -> DevicePeaks {
    try withGroupsThatFit { try measurePeaks(groups: $0) }
  }

  private func measurePeaks(groups traits: DeviceTraits) throws -> DevicePeaks {
    let isCPU = traits.family == .cpu
    let local = isCPU ? 1 : min(256, traits.maximumWorkGroupSize)
    let defines = ["VECTOR": traits.vectorWidth, "LANES": traits.lanes, "CHAINS": isCPU ? 12 : 4]
    // Enough bytes that no cache holds them, where the device has that much.
    let byteCount =
      min(128 << 20, traits.memoryBytes / 8, traits.maximumAllocationBytes) / 4096 * 4096
    let source = try allocate(byteCount: byteCount)
    let target = try allocate(byteCount: byteCount)
    try source.write(TensorData(zeros: TensorType([byteCount / 4])))

    /// The least seconds per launch over `tries` of `count` launches.
    func best(_ call: KernelCall, _ count: Int, _ tries: Int) throws -> Double {
      let launch = try prepare(call, buffers: [source, target])
      try launch.run()
      try finish()
      return try (0..<tries).map { _ in
        let start = ContinuousClock.now
        for _ in 0..<count { try launch.run() }
        try finish()
        return (ContinuousClock.now - start) / Double(count)
      }.map(\.seconds)
        .min() ?? .infinity
    }

    let groups = traits.computeUnits * (isCPU ? 4 : 16)
    let items = groups * local
    // About 20 ms of work on a device of the slowest kind that is likely.
    var rounds = 4096
    var fma = KernelCall(
      "peak_fma", file: "peaks.cl", defines: defines, arguments: [], global: [items],
      local: [local])
    func fmaSeconds(tries: Int) throws -> Double {
      fma.arguments = [.operand(0), .int(rounds), .float(0.5)]
      return try best(fma, 1, tries)
    }
    while try fmaSeconds(tries: 1) < 0.02, rounds < 1 << 26 { rounds *= 2 }
    let fmaTime = try fmaSeconds(tries: 5)
    let flopCount =
      2 * Double((defines["CHAINS"] ?? 0) * traits.vectorWidth) * Double(rounds) * Double(items)

    // A peak is no reason to refuse a run.
    let unitRate = try? unitFlopsPerSecond(traits, groups, best)
    let copy = KernelCall(
      "peak_copy", file: "peaks.cl", defines: defines,
      arguments: [.operand(0), .operand(1), .int(byteCount / 4 / traits.vectorWidth)],
      global: [(isCPU ? traits.computeUnits * 8 : traits.computeUnits * 32 * local)],
      local: [local])
    let nothing = KernelCall(
      "peak_launch", file: "peaks.cl", defines: defines, arguments: [.operand(0)],
      global: [groups * local], local: [local])
    return DevicePeaks(
      flopsPerSecond: flopCount / fmaTime, unitFlopsPerSecond: unitRate ?? nil,
      bytesPerSecond: 2 * Double(byteCount) / (try best(copy, 1, 9)),
      secondsPerLaunch: try best(nothing, 500, 5))
  }

  /// What the matrix unit does per second; nil where there is none, or where ordinary instructions stand in for it.
  private func unitFlopsPerSecond(
    _ traits: DeviceTraits, _ groups: Int, _ best: (KernelCall, Int, Int) throws -> Double
  ) throws -> Double? {
    guard let unit = traits.matrixUnit, !unit.isEmulated, let type = unit.kind.types.last,
      traits.maximumWorkGroupSize >= 256
    else { return nil }
    let (chains, local) = (8, 256)
    var rounds = 1024
    func seconds(tries: Int) throws -> Double {
      try best(
        KernelCall(
          "peak_units", file: "peaks_units.cl",
          defines: unit.defines(type).merging(["CHAINS": chains, "ITEMS": local]) { $1 },
          arguments: [.operand(0), .int(rounds)], global: [groups * local], local: [local]), 1,
        tries)
    }
    while try seconds(tries: 1) < 0.02, rounds < 1 << 24 { rounds *= 2 }
    let products = chains * rounds * (local / unit.kind.lanes) * groups
    return Double(products) * unit.kind.flopCount / (try seconds(tries: 5))
  }
}
