// The device that runs kernels.
import Base
import OpenCL
import Tensors

/// An OpenCL device as the executor sees it: one context, one in-order queue.
public final class OpenCLDevice: Device {
  /// The device with its platform and driver.
  public let name: String
  public let traits: DeviceTraits
  private let context: Context
  private let queue: PacedQueue
  let library: KernelLibrary
  /// What compiles kernels before their first launch, where the driver does not.
  var ahead: CompilationAhead?
  /// What is prepared and launched next, until it is compiled ahead.
  var expected: [KernelVariant.Expected] = []

  /// Opens a device. `traits` are the device's own unless given; `profiling` makes launches slower
  /// and lets them be timed. `cache` is the user's unless given; the driver's compiler gets `compilerOptions`
  /// beside ours.
  package init(
    _ description: DeviceDescription, traits: DeviceTraits? = nil, profiling: Bool = false,
    cache: KernelCache? = nil, compilerOptions: [String] = []
  ) throws {
    context = try Context(description)
    self.traits = traits ?? DeviceTraits(of: description)
    queue = PacedQueue(
      try Queue(context, profiling: profiling), name: "\(description)",
      isPaced: (description.kind == .gpu || self.traits.family == .gpu) && !profiling)
    var compiler = CompilerOptions(for: description, self.traits)
    compiler.all += compilerOptions
    library = KernelLibrary(context, cache: cache ?? .standard(for: description), compiler)
    name = "\(description), driver \(description.driverVersion)"
  }

  var isPoCL: Bool { context.device.isPoCL }

  public func allocate(byteCount: Int) throws -> any DeviceBuffer {
    try queue.refusing(byteCount) { OpenCLBuffer(try Buffer(context, byteCount: byteCount), queue) }
  }

  /// A processor's memory is taken page by page, which no plan can change.
  public func commit(_ buffers: [any DeviceBuffer]) throws {
    guard context.device.kind == .gpu, !buffers.isEmpty else { return }
    try queue.refusing(buffers.reduce(0) { $0 + $1.byteCount }) {
      try queue.queue.migrate(buffers.map(own))
      try queue.finish()
    }
  }

  public func prepare(
    _ application: Application, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer]
  ) throws -> [any PreparedLaunch] {
    let planned = self.scratch(for: application)
    return try withGroupsThatFit { traits in
      let launches = application.launches(on: traits)
      // Smaller groups may need another amount of scratch memory, which is then their own.
      let scratch =
        launches.scratch == planned
        ? scratch : try launches.scratch.map { try allocate(byteCount: $0) }
      return try launches.calls.map { call in
        compileAhead()
        return try prepare(
          call, operands: operands, results: results, scratch: scratch,
          storage: call.narrowArguments(of: application))
      }
    }
  }

  /// Plans for the device's largest groups, and for smaller ones as often as a kernel turns out to want more registers
  /// than such a group has.
  func withGroupsThatFit<T>(_ plan: (DeviceTraits) throws -> T) throws -> T {
    var traits = traits
    while true {
      do { return try plan(traits) } catch let error as WorkGroupError
        where error.limit < traits.maximumWorkGroupSize
      { traits.limitWorkGroups(to: error.limit) }
    }
  }

  /// Readies one kernel that knows only operands.
  func prepare(_ call: KernelCall, buffers: [any DeviceBuffer]) throws -> any PreparedLaunch {
    try prepare(call, operands: buffers, results: [], scratch: [])
  }

  /// Readies one kernel of an application; `storage` has the types of its arguments in 16 bits, by name.
  func prepare(
    _ call: KernelCall, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer], storage: [String: ElementType] = [:]
  ) throws -> any PreparedLaunch {
    let program = try library.program(of: call, storage: storage)
    let kernel = try library.kernel(call.function, of: program)
    let limit = kernel.maximumWorkGroupSize
    let wanted = call.local.reduce(1, *)
    if wanted > limit {
      throw WorkGroupError(kernel: call.function, wanted: wanted, limit: limit, device: name)
    }
    for (index, argument) in call.arguments.enumerated() {
      switch argument {
      case .operand, .result, .scratch, .stored, .named:
        try kernel.set(
          index, to: own(argument.memory(operands: operands, results: results, scratch: scratch)))
      case .int(let number):
        guard let small = Int32(exactly: number) else {
          fatal("\(call.function): the size \(number) exceeds 32 bits")
        }
        try kernel.set(index, to: small)
      case .float(let number): try kernel.set(index, to: number)
      }
    }
    return KernelLaunch(
      kernel, queue, global: call.global, local: call.local,
      ahead.map { _ in library.variant(of: call, in: program) })
  }

  private func own(_ buffer: any DeviceBuffer) -> Buffer {
    guard let buffer = buffer as? OpenCLBuffer else {
      fatal("a buffer of another device was given to \(name)")
    }
    return buffer.buffer
  }

  public func prepareCopy(from source: any DeviceBuffer, to target: any DeviceBuffer) throws
    -> any PreparedLaunch
  {
    try withGroupsThatFit { traits in
      try prepare(
        .copy(target.byteCount, on: traits), operands: [source], results: [target], scratch: [])
    }
  }

  public func finish() throws { try queue.finish() }
}

/// A kernel that a device does not run in groups of the size that it was planned for.
struct WorkGroupError: Error, CustomStringConvertible {
  let kernel: String
  let wanted: Int
  let limit: Int
  let device: String

  var description: String {
    "\(kernel) needs groups of \(wanted) work-items, and \(device) runs it in groups of \(limit) at most."
  }
}

extension KernelCall.Argument {
  /// The memory that an argument stands for.
  func memory(
    operands: [any DeviceBuffer], results: [any DeviceBuffer], scratch: [any DeviceBuffer]
  ) -> any DeviceBuffer {
    switch self {
    case .operand(let index): operands[index]
    case .result(let index): results[index]
    case .scratch(let index): scratch[index]
    case .stored(let whole, _), .named(let whole, _):
      whole.memory(operands: operands, results: results, scratch: scratch)
    case .int, .float: fatal("a number is no memory")
    }
  }
}
