// The device that runs each op's plain Swift.
import Base

/// Runs on any machine, slowly, and defines what is correct.
public final class ReferenceDevice: Device {
  public let name = "reference (plain Swift)"
  public let traits: DeviceTraits

  /// `memoryBytes` is how much a graph may plan with.
  public init(memoryBytes: Int = 1 << 40) {
    traits = DeviceTraits(
      family: .cpu, vectorWidth: 1, lanes: 1, computeUnits: 1, maximumWorkGroupSize: 1,
      localMemoryBytes: 0, memoryBytes: memoryBytes, maximumAllocationBytes: 1 << 40,
      alignmentBytes: 64)
  }

  public func allocate(byteCount: Int) -> any DeviceBuffer { HostBuffer(byteCount: byteCount) }

  public func scratch(for application: Application) -> [Int] { [] }

  public func prepare(
    _ application: Application, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer]
  ) -> [any PreparedLaunch] {
    let types = application.operands.map(\.type)
    let resultTypes = application.resultTypes
    let op = application.op
    return [
      HostLaunch(name: "\(type(of: op))") {
        let values = try zip(operands, types).map { try $0.read(as: $1) }
        for ((buffer, value), type) in zip(zip(results, op.reference(values)), resultTypes) {
          try buffer.write(value.stored(as: type.elementType))
        }
      }
    ]
  }

  public func prepareCopy(from source: any DeviceBuffer, to target: any DeviceBuffer)
    -> any PreparedLaunch
  {
    let type = TensorType([target.byteCount / 4], .int32)
    return HostLaunch(name: "copy") { try target.write(try source.read(as: type)) }
  }

  public func finish() {}
}

/// A launch that is a closure.
private final class HostLaunch: PreparedLaunch {
  let name: String
  private let body: () throws -> Void

  init(name: String, _ body: @escaping () throws -> Void) {
    self.name = name
    self.body = body
  }

  func run() throws { try body() }

  func timedRun() throws -> () throws -> (start: UInt64, end: UInt64) {
    let start = Self.origin.duration(to: .now)
    try body()
    let end = Self.origin.duration(to: .now)
    return { (Self.nanoseconds(start), Self.nanoseconds(end)) }
  }

  /// When the device's clock began.
  private static let origin = ContinuousClock.now

  private static func nanoseconds(_ duration: Duration) -> UInt64 {
    let (seconds, attoseconds) = duration.components
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}

/// Host memory, or a part of some.
private final class HostBuffer: DeviceBuffer {
  let byteCount: Int
  private let memory: UnsafeMutableRawBufferPointer
  /// The buffer that owns the memory of a region.
  private let owner: HostBuffer?

  init(byteCount: Int) {
    self.byteCount = byteCount
    memory = .allocate(byteCount: max(byteCount, 1), alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    owner = nil
  }

  private init(_ memory: UnsafeMutableRawBufferPointer, of owner: HostBuffer) {
    byteCount = memory.count
    self.memory = memory
    self.owner = owner
  }

  deinit { if owner == nil { memory.deallocate() } }

  func region(offset: Int, byteCount: Int) -> any DeviceBuffer {
    HostBuffer(
      UnsafeMutableRawBufferPointer(rebasing: memory[offset..<offset + byteCount]), of: self)
  }

  func write(_ bytes: UnsafeRawBufferPointer) {
    demand(bytes.count <= byteCount, "\(bytes.count) bytes written to \(byteCount)")
    memory.copyMemory(from: bytes)
  }

  func read(into bytes: UnsafeMutableRawBufferPointer) {
    bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<bytes.count]))
  }
}
