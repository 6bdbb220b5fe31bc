// Which of several devices a run should take.
import OpenCL

/// The devices in the order in which work that named none should try them, and those that it should not try.
package struct DeviceRanking: Sendable {
  /// Best first: GPUs with memory of their own before those in the processor, more units at a higher clock first;
  /// then whatever is no GPU, in the order of the drivers.
  package private(set) var devices: [DeviceDescription] = []
  /// Devices that are left out, with the reason.
  package private(set) var left: [(device: DeviceDescription, why: String)] = []

  package init(_ all: [DeviceDescription]) {
    for device in all.enumerated().sorted(by: Self.isBetter).map(\.element) {
      // Two devices of one driver are two.
      let same = devices.first {
        device.kind == .gpu && $0.platformName != device.platformName
          && !$0.identities.isDisjoint(with: device.identities)
      }
      if let same {
        left.append((device, "the same card as \(same.identifier)"))
      } else {
        devices.append(device)
      }
    }
  }

  private static func isBetter(
    _ a: (offset: Int, element: DeviceDescription), _ b: (offset: Int, element: DeviceDescription)
  ) -> Bool {
    let (x, y) = (key(a.element), key(b.element))
    return x == y ? a.offset < b.offset : x.lexicographicallyPrecedes(y)
  }

  /// Less is better.
  private static func key(_ device: DeviceDescription) -> [Int] {
    switch device.kind {
    case .gpu:
      // The makers' own drivers know matrix units. Clover is no longer developed and computes wrongly in places.
      let driver = device.platformName == "Clover" ? 2 : device.platformName == "rusticl" ? 1 : 0
      return [
        0, driver == 2 ? 1 : 0, device.sharesHostMemory ? 1 : 0, driver,
        -device.computeUnits * lanesPerUnit(device) * device.clock,
      ]
    case .accelerator: return [1]
    case .cpu: return [2]
    case .other: return [3]
    }
  }

  /// Multiply-adds that a unit starts at once: what drivers call a unit is a whole multiprocessor of NVIDIA's, a
  /// compute unit of AMD's, one execution unit of Intel's.
  private static func lanesPerUnit(_ device: DeviceDescription) -> Int {
    for (prefix, lanes) in [("cl_nv_", 128), ("cl_amd_", 64), ("cl_intel_", 8)]
    where device.extensions.contains(where: { $0.hasPrefix(prefix) }) { return lanes }
    return 32
  }
}
