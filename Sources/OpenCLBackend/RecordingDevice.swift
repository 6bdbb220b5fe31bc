// What a device would have to compile, without the device.
import Base
import Tensors

/// Stands for a GPU that is not here: plans kernels for its traits and keeps the text of every program that it
/// would build. Nothing runs, and memory holds nothing.
public final class RecordingDevice: Device {
  public let name: String
  public let traits: DeviceTraits
  public private(set) var programs: Set<KernelProgram> = []
  private let compiler: CompilerOptions
  private let sources = KernelSources()

  public init(_ name: String, traits: DeviceTraits, _ compiler: CompilerOptions) {
    self.name = name
    self.traits = traits
    self.compiler = compiler
  }

  public var keepsValues: Bool { false }

  public func allocate(byteCount: Int) -> any DeviceBuffer { EmptyBuffer(byteCount) }

  public func scratch(for application: Application) -> [Int] {
    application.op.launches(application.operands.map(\.type), on: traits).scratch
  }

  public func prepare(
    _ application: Application, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer]
  ) throws -> [any PreparedLaunch] {
    let launches = application.op.launches(application.operands.map(\.type), on: traits)
    return try launches.calls.map { call in
      programs.insert(
        try KernelProgram(call, storage: call.narrowArguments(of: application), sources, compiler))
      return NoLaunch(call.function)
    }
  }

  public func prepareCopy(from source: any DeviceBuffer, to target: any DeviceBuffer) throws
    -> any PreparedLaunch
  {
    programs.insert(
      try KernelProgram(.copy(source.byteCount, on: traits), storage: [:], sources, compiler))
    return NoLaunch("copy")
  }

  public func finish() {}
}

private final class EmptyBuffer: DeviceBuffer {
  let byteCount: Int

  init(_ byteCount: Int) { self.byteCount = byteCount }

  func region(offset: Int, byteCount: Int) -> any DeviceBuffer { EmptyBuffer(byteCount) }
  func write(_ bytes: UnsafeRawBufferPointer) {}
  func read(into bytes: UnsafeMutableRawBufferPointer) {
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
  }
}

private final class NoLaunch: PreparedLaunch {
  let name: String

  init(_ name: String) { self.name = name }

  func run() {}
  func timedRun() -> () throws -> (start: UInt64, end: UInt64) { { (0, 0) } }
}
