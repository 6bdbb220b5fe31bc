// Measures what a device can do at best.
import OpenCL
import Tensors

extension OpenCLDevice {
  /// Measures the device's peaks, the best of several tries each; takes about a second.
  public func measurePeaks() throws -> DevicePeaks {
    try withGroupsThatFit { try measurePeaks(groups: $0) }
  }

  public func measuredPeaks() throws -> DevicePeaks? { try measurePeaks() }

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
    /// How often per second a kernel goes round, measured over about 20 ms.
    func roundsPerSecond(_ call: (Int) -> KernelCall) throws -> Double {
      var rounds = 1024
      while try best(call(rounds), 1, 1) < 0.02, rounds < 1 << 26 { rounds *= 2 }
      return Double(rounds) / (try best(call(rounds), 1, 5))
    }
    let fmaRounds = try roundsPerSecond {
      KernelCall(
        "peak_fma", file: "peaks.cl", defines: defines,
        arguments: [.operand(0), .int($0), .float(0.5)], global: [items], local: [local])
    }
    let flopsPerRound = 2 * Double((defines["CHAINS"] ?? 0) * traits.vectorWidth * items)
    // A peak is no reason to refuse a run.
    let unitRate = try? unitFlopsPerSecond(traits, groups, roundsPerSecond)
    let copy = KernelCall(
      "peak_copy", file: "peaks.cl", defines: defines,
      arguments: [.operand(0), .operand(1), .int(byteCount / 4 / traits.vectorWidth)],
      global: [(isCPU ? traits.computeUnits * 8 : traits.computeUnits * 32 * local)],
      local: [local])
    let nothing = KernelCall(
      "peak_launch", file: "peaks.cl", defines: defines, arguments: [.operand(0)],
      global: [groups * local], local: [local])
    return DevicePeaks(
      flopsPerSecond: flopsPerRound * fmaRounds, unitFlopsPerSecond: unitRate,
      bytesPerSecond: 2 * Double(byteCount) / (try best(copy, 1, 9)),
      secondsPerLaunch: try best(nothing, 500, 5))
  }

  /// What the matrix unit does per second; nil where there is none, or where ordinary instructions stand in for it.
  private func unitFlopsPerSecond(
    _ traits: DeviceTraits, _ groups: Int,
    _ roundsPerSecond: ((Int) -> KernelCall) throws -> Double
  ) throws -> Double? {
    let (chains, local) = (8, 256)
    guard let unit = traits.matrixUnit, !unit.isEmulated, let type = unit.kind.types.last,
      traits.maximumWorkGroupSize >= local
    else { return nil }
    let rounds = try roundsPerSecond {
      KernelCall(
        "peak_units", file: "peaks_units.cl",
        defines: unit.defines(type).merging(["CHAINS": chains, "ITEMS": local]) { $1 },
        arguments: [.operand(0), .int($0)], global: [groups * local], local: [local])
    }
    return Double(chains * (local / unit.kind.lanes) * groups) * unit.kind.flopCount * rounds
  }
}
