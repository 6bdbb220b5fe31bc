// Launches of a GPU that is not here, with what each began with and what it left.
import OpenCL
import Tensors

/// One launch as a GPU would do it, with the numbers that another device found.
package struct RecordedLaunch {
  package enum Argument {
    /// One of the memories, by its position; what it holds.
    case memory(Int, of: ElementType)
    case int(Int)
    case float(Float)
  }

  /// As the GPU's driver would get it.
  package let program: KernelProgram
  package let function: String
  package let global: [Int]
  package let local: [Int]
  package let arguments: [Argument]
  /// The bytes of each memory before the launch and after it.
  package let before: [[UInt8]]
  package let after: [[UInt8]]
}

/// Plans kernels for a GPU that is not here and runs them on a device that is, with matrix units emulated.
///
/// The first launch of every kernel with its sizes is handed on. What a compiler made of the kernel can so be run in
/// an interpreter and must leave the same.
package final class LaunchRecorder: Device {
  /// The GPU's; may change between graphs.
  package var traits: DeviceTraits
  private let device: OpenCLDevice
  private let compiler: CompilerOptions
  private let sources = KernelSources()
  private let record: (RecordedLaunch) throws -> Void
  private var known: Set<Key> = []

  private struct Key: Hashable {
    let program: KernelProgram
    let function: String
    let global: [Int]
    let numbers: [KernelCall.Argument]
  }

  /// `traits` and `compiler` are the GPU's; `device` runs its kernels and has room for its groups.
  package init(
    _ traits: DeviceTraits, _ compiler: CompilerOptions, on device: OpenCLDevice,
    record: @escaping (RecordedLaunch) throws -> Void
  ) {
    self.traits = traits
    self.compiler = compiler
    self.device = device
    self.record = record
  }

  package var name: String { device.name }

  package func allocate(byteCount: Int) throws -> any DeviceBuffer {
    try device.allocate(byteCount: byteCount)
  }

  package func prepare(
    _ application: Application, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer]
  ) throws -> [any PreparedLaunch] {
    try application.launches(on: traits).calls.map { call in
      let storage = call.narrowArguments(of: application)
      var possible = call
      if call.defines["EMULATED"] != nil { possible.defines["EMULATED"] = 1 }
      let launch = try device.prepare(
        possible, operands: operands, results: results, scratch: scratch, storage: storage)
      let key = Key(
        program: try KernelProgram(call, storage: storage, sources, compiler),
        function: call.function, global: call.global,
        numbers: call.arguments.filter { $0.elementType(in: application) == nil })
      guard known.insert(key).inserted else { return launch }

      var memories: [any DeviceBuffer] = []
      var positions: [Buffer.Place: Int] = [:]
      let arguments = call.arguments.map { argument -> RecordedLaunch.Argument in
        switch argument {
        case .int(let number): return .int(number)
        case .float(let number): return .float(number)
        case .operand, .result, .scratch, .stored, .named:
          let memory = argument.memory(operands: operands, results: results, scratch: scratch)
          // A result that takes an operand's place is the same memory.
          let place = (memory as? OpenCLBuffer)?.buffer.place
          let index = place.flatMap { positions[$0] } ?? memories.count
          if index == memories.count {
            memories.append(memory)
          } else if memory.byteCount > memories[index].byteCount {
            memories[index] = memory
          }
          if let place { positions[place] = index }
          return .memory(index, of: argument.elementType(in: application) ?? .float32)
        }
      }
      return FirstRun(of: launch) { [record] run in
        let before = try memories.map(Self.bytes)
        try run()
        try record(
          RecordedLaunch(
            program: key.program, function: call.function, global: call.global, local: call.local,
            arguments: arguments, before: before, after: memories.map(Self.bytes)))
      }
    }
  }

  private static func bytes(_ memory: any DeviceBuffer) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: memory.byteCount)
    try bytes.withUnsafeMutableBytes { try memory.read(into: $0) }
    return bytes
  }

  package func prepareCopy(from source: any DeviceBuffer, to target: any DeviceBuffer) throws
    -> any PreparedLaunch
  {
    try device.prepareCopy(from: source, to: target)
  }

  package func finish() throws { try device.finish() }
}

/// A launch whose first run is done by somebody else, who is given the run itself.
private final class FirstRun: PreparedLaunch {
  private let launch: any PreparedLaunch
  private var first: ((() throws -> Void) throws -> Void)?

  init(of launch: any PreparedLaunch, _ first: @escaping (() throws -> Void) throws -> Void) {
    self.launch = launch
    self.first = first
  }

  var name: String { launch.name }

  func run() throws {
    guard let first else { return try launch.run() }
    self.first = nil
    try first(launch.run)
  }

  func timedRun() throws -> () throws -> (start: UInt64, end: UInt64) { try launch.timedRun() }
}
