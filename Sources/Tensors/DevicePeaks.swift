// What a device can do at best.

/// The rates that bound every kernel on a device, as measured on it.
public struct DevicePeaks: Sendable, Hashable, Codable {
  /// Multiply-adds in float32, counted as two operations each.
  public let flopsPerSecond: Double
  /// Those of the device's matrix unit, of operands of 16 bits; nil where it has none.
  public let unitFlopsPerSecond: Double?
  /// A copy larger than the caches, reads and writes both counted.
  public let bytesPerSecond: Double
  /// The time of a launch that does nothing, among many.
  public let secondsPerLaunch: Double

  package init(
    flopsPerSecond: Double, unitFlopsPerSecond: Double? = nil, bytesPerSecond: Double,
    secondsPerLaunch: Double
  ) {
    self.flopsPerSecond = flopsPerSecond
    self.unitFlopsPerSecond = unitFlopsPerSecond
    self.bytesPerSecond = bytesPerSecond
    self.secondsPerLaunch = secondsPerLaunch
  }

  /// Operations per second on numbers that are stored in a type.
  package func flopsPerSecond(of type: ElementType) -> Double {
    type.isNarrow ? unitFlopsPerSecond ?? flopsPerSecond : flopsPerSecond
  }

  /// The least seconds that some work on numbers of a type can take: the roofline (Williams et al., CACM 52, 2009).
  package func bound(flopCount: Double, byteCount: Double, of type: ElementType = .float32)
    -> Double
  {
    max(flopCount / flopsPerSecond(of: type), byteCount / bytesPerSecond)
  }
}
