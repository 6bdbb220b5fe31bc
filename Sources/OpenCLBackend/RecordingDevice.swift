// What a device would have to compile, without the device.
import Tensors

/// Stands for a GPU that is not here: plans kernels for its traits and keeps the text of every program that it
/// would build. Nothing runs, and memory holds nothing.
package final class RecordingDevice: Device {
  package let name: String
  package let traits: DeviceTraits
  package private(set) var programs: Set<KernelProgram> = []
  private let compiler: CompilerOptions
  private let sources = KernelSources()

  package init(_ name: String, traits: DeviceTraits, _ compiler: CompilerOptions) {
    self.name = name
    self.traits = traits
    self.compiler = compiler
  }

  package var keepsValues: Bool { false }

  package func allocate(byteCount: Int) -> any DeviceBuffer { CountedBuffer(byteCount: byteCount) }

  package func prepare(
    _ application: Application, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer]
  ) throws -> [any PreparedLaunch] {
    try application.launches(on: traits).calls.map { call in
      try record(call, storage: call.narrowArguments(of: application))
    }
  }

  package func prepareCopy(from source: any DeviceBuffer, to target: any DeviceBuffer) throws
    -> any PreparedLaunch
  {
    try record(.copy(target.byteCount, on: traits))
  }

  private func record(_ call: KernelCall, storage: [String: ElementType] = [:]) throws
    -> any PreparedLaunch
  {
    programs.insert(try KernelProgram(call, storage: storage, sources, compiler))
    return NothingLaunched()
  }

  package func finish() {}
}
