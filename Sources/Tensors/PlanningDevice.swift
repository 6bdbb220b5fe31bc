// What a device would have to hold, without holding it.

/// Stands for another device and takes what it would: memory is counted, kernels are planned, nothing is kept or
/// run. What is built on it needs as much memory as on the device itself.
package final class PlanningDevice: Device {
  package let name: String
  package let traits: DeviceTraits
  /// All memory that was asked for, in bytes.
  package private(set) var byteCount = 0
  private let device: any Device

  package init(_ device: any Device) {
    self.device = device
    name = device.name
    var traits = device.traits
    // A plan that is too large is counted to its end.
    traits.memoryBytes = .max
    self.traits = traits
  }

  /// How much the device has that this one stands for.
  package var memoryBytes: Int { device.traits.memoryBytes }

  package var keepsValues: Bool { false }

  package func allocate(byteCount: Int) -> any DeviceBuffer {
    let (sum, overflows) = self.byteCount.addingReportingOverflow(byteCount)
    self.byteCount = overflows ? .max : sum
    return CountedBuffer(byteCount: byteCount)
  }

  package func scratch(for application: Application) -> [Int] { device.scratch(for: application) }

  package func prepare(
    _ application: Application, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer]
  ) -> [any PreparedLaunch] { [] }

  package func prepareCopy(from source: any DeviceBuffer, to target: any DeviceBuffer)
    -> any PreparedLaunch
  { NothingLaunched() }

  package func finish() {}
}

/// Memory that nobody has.
package final class CountedBuffer: DeviceBuffer {
  package let byteCount: Int

  package init(byteCount: Int) { self.byteCount = byteCount }

  package func region(offset: Int, byteCount: Int) -> any DeviceBuffer {
    CountedBuffer(byteCount: byteCount)
  }
  package func write(_ bytes: UnsafeRawBufferPointer) {}
  package func read(into bytes: UnsafeMutableRawBufferPointer) {}
}

package final class NothingLaunched: PreparedLaunch {
  package let name = "nothing"

  package init() {}
  package func run() {}
  package func timedRun() -> () throws -> (start: UInt64, end: UInt64) { { (0, 0) } }
}
