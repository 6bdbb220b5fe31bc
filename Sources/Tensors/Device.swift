// What the executor asks of hardware.

/// Something that can hold buffers and prepare launches. A device stays where it was made.
public protocol Device: AnyObject {
  /// What the device is called.
  var name: String { get }
  /// What the device has and can do.
  var traits: DeviceTraits { get }
  /// Whether memory holds what is written to it; not so on a device that only plans.
  var keepsValues: Bool { get }

  /// Memory with undefined content; throws `MemoryError.refused` where there is not enough.
  func allocate(byteCount: Int) throws -> any DeviceBuffer

  /// Takes allocated memory for good. Many drivers do so only when it is first used, and a lack of it would show in
  /// the first step instead of before it.
  func commit(_ buffers: [any DeviceBuffer]) throws

  /// The byte counts of the scratch memory that an application needs here.
  func scratch(for application: Application) -> [Int]

  /// Says which applications are prepared and run next, in order. A driver that compiles kernels at their first launch may
  /// be made to begin with the last of them.
  func expect(_ applications: [Application])

  /// Readies an application to run on fixed memory as often as wanted.
  func prepare(
    _ application: Application, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer]
  ) throws -> [any PreparedLaunch]

  /// Readies a copy of as many bytes into a buffer as it has.
  func prepareCopy(from source: any DeviceBuffer, to target: any DeviceBuffer) throws
    -> any PreparedLaunch

  /// Waits until everything that was started has finished.
  func finish() throws

  /// What the device can do at best, which may take a second to measure; nil where nobody measures it.
  func measuredPeaks() throws -> DevicePeaks?
}

extension Device {
  public var keepsValues: Bool { true }
  public func commit(_ buffers: [any DeviceBuffer]) throws {}
  public func expect(_ applications: [Application]) {}
  public func measuredPeaks() throws -> DevicePeaks? { nil }

  public func scratch(for application: Application) -> [Int] {
    application.launches(on: traits).scratch
  }
}

/// A range of a device's memory.
public protocol DeviceBuffer: AnyObject {
  /// Bytes of the range.
  var byteCount: Int { get }
  /// A part of this buffer; `offset` is a multiple of the device's alignment.
  func region(offset: Int, byteCount: Int) throws -> any DeviceBuffer
  /// Copies bytes from the host.
  func write(_ bytes: UnsafeRawBufferPointer) throws
  /// Waits for earlier launches, then copies to the host.
  func read(into bytes: UnsafeMutableRawBufferPointer) throws
}

/// One thing that a device does, with all of its arguments bound.
public protocol PreparedLaunch: AnyObject {
  /// What a profile calls it.
  var name: String { get }
  /// Starts it, behind what was started before.
  func run() throws
  /// Starts, and returns how to wait and learn when it ran: start and end in nanoseconds of the
  /// device's clock.
  func timedRun() throws -> () throws -> (start: UInt64, end: UInt64)
}

extension DeviceBuffer {
  /// Copies numbers from the host.
  public func write(_ data: TensorData) throws { try data.withUnsafeBytes(write) }

  /// The numbers, of some type, after earlier launches.
  public func read(as type: TensorType) throws -> TensorData {
    var bytes = [UInt8](repeating: 0, count: type.byteCount)
    try bytes.withUnsafeMutableBytes { try read(into: $0) }
    return bytes.withUnsafeBytes { TensorData(type, bytes: $0) }
  }
}
