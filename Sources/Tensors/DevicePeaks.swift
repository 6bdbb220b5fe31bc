// What a device can do at best.

/// The rates that bound every kernel on a device, as measured on it.
public struct DevicePeaks: Sendable, Hashable, Codable {
  /// Multiply-adds in float32, counted as two operations each.
  public let flopsPerSecond: Double
  /// A copy larger than the caches, reads and writes both counted.
  public let bytesPerSecond: Double
  /// The time of a launch that does nothing, among many.
  public let secondsPerLaunch: Double

  public init(flopsPerSecond: Double, bytesPerSecond: Double, secondsPerLaunch: Double) {
    self.flopsPerSecond = flopsPerSecond
    self.bytesPerSecond = bytesPerSecond
    self.secondsPerLaunch = secondsPerLaunch
  }

  /// The least seconds that some work can take: the roofline (Williams et al., CACM 52, 2009).
  public func bound(flopCount: Double, byteCount: Double) -> Double {
    max(flopCount / flopsPerSecond, byteCount / bytesPerSecond)
  }
}
