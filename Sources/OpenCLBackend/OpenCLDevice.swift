// The device that runs kernels.
import Base
import OpenCL
import Tensors

/// An OpenCL device as the executor sees it: one context, one in-order queue.
public final class OpenCLDevice: Device {
  public let name: String
  public let traits: DeviceTraits
  private let context: Context
  private let queue: Queue
  private let library: KernelLibrary

  /// Opens a device. `traits` are the device's own unless given; `profiling` makes launches slower
  /// and lets them be timed. `cache` is the user's unless given; the driver's compiler gets `compilerOptions`
  /// beside ours.
  public init(
    _ description: DeviceDescription, traits: DeviceTraits? = nil, profiling: Bool = false,
    cache: KernelCache? = nil, compilerOptions: [String] = []
  ) throws {
    context = try Context(description)
    queue = try Queue(context, profiling: profiling)
    library = KernelLibrary(
      context, cache: cache ?? .standard(for: description), options: compilerOptions)
    name = "\(description), driver \(description.driverVersion)"
    self.traits = traits ?? DeviceTraits(of: description)
  }

  public func allocate(byteCount: Int) throws -> any DeviceBuffer {
    OpenCLBuffer(try Buffer(context, byteCount: byteCount), queue)
  }

  public func scratch(for application: Application) -> [Int] {
    application.op.launches(application.operands.map(\.type), on: traits).scratch
  }

  public func prepare(
    _ application: Application, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer]
  ) throws -> [any PreparedLaunch] {
    let launches = application.op.launches(application.operands.map(\.type), on: traits)
    return try launches.calls.map { call in
      var storage: [Int: ElementType] = [:]
      for (index, argument) in call.arguments.enumerated() {
        storage[index] = argument.elementType(in: application).flatMap { $0.isNarrow ? $0 : nil }
      }
      return try prepare(
        call, operands: operands, results: results, scratch: scratch, storage: storage)
    }
  }

  /// Readies one kernel that knows only operands.
  func prepare(_ call: KernelCall, buffers: [any DeviceBuffer]) throws -> any PreparedLaunch {
    try prepare(call, operands: buffers, results: [], scratch: [])
  }

  private func prepare(
    _ call: KernelCall, operands: [any DeviceBuffer], results: [any DeviceBuffer],
    scratch: [any DeviceBuffer], storage: [Int: ElementType] = [:]
  ) throws -> any PreparedLaunch {
    let kernel = try library.kernel(call, storage: storage)
    func buffer(_ argument: KernelCall.Argument) throws -> any DeviceBuffer {
      switch argument {
      case .operand(let i): operands[i]
      case .result(let i): results[i]
      case .scratch(let i): scratch[i]
      case .part(let whole, let offset, let byteCount):
        try buffer(whole).region(offset: offset, byteCount: byteCount)
      case .stored(let whole, _): try buffer(whole)
      case .int, .float: fatal("\(call.function): a number is no buffer")
      }
    }
    for (index, argument) in call.arguments.enumerated() {
      switch argument {
      case .operand, .result, .scratch, .part, .stored:
        try kernel.set(index, to: own(buffer(argument)))
      case .int(let number):
        guard let small = Int32(exactly: number) else {
          fatal("\(call.function): the size \(number) exceeds 32 bits")
        }
        try kernel.set(index, to: small)
      case .float(let number): try kernel.set(index, to: number)
      }
    }
    return KernelLaunch(kernel, queue, global: call.global, local: call.local)
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
    let kernel = try library.kernel(
      KernelCall(
        "copy_words", file: "copy.cl", defines: ["LANES": traits.lanes], arguments: [], global: [],
        local: []))
    let count = source.byteCount / 4
    try kernel.set(0, to: own(source))
    try kernel.set(1, to: own(target))
    try kernel.set(2, to: Int32(count))
    let local = traits.family == .cpu ? 1 : 64
    let items =
      traits.family == .cpu ? traits.computeUnits * 4 : (count + local - 1) / local * local
    return KernelLaunch(kernel, queue, global: [max(items, local)], local: [local])
  }

  public func finish() throws { try queue.finish() }
}

extension KernelCall.Argument {
  /// How an operand or a result, or a part of one, is stored; nil for others.
  fileprivate func elementType(in application: Application) -> ElementType? {
    switch self {
    case .operand(let index): application.operands[index].type.elementType
    case .result(let index): application.resultTypes[index].elementType
    case .part(let whole, _, _): whole.elementType(in: application)
    case .stored(_, let type): type
    case .scratch, .int, .float: nil
    }
  }
}

/// A buffer together with the queue that fills and reads it.
private final class OpenCLBuffer: DeviceBuffer {
  let buffer: Buffer
  private let queue: Queue

  init(_ buffer: Buffer, _ queue: Queue) {
    self.buffer = buffer
    self.queue = queue
  }

  var byteCount: Int { buffer.byteCount }

  func region(offset: Int, byteCount: Int) throws -> any DeviceBuffer {
    OpenCLBuffer(try Buffer(region: offset, byteCount: byteCount, of: buffer), queue)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws { try queue.write(bytes, to: buffer) }

  func read(into bytes: UnsafeMutableRawBufferPointer) throws {
    try queue.read(buffer, into: bytes)
  }
}

/// A kernel with its arguments set, ready to be enqueued.
private final class KernelLaunch: PreparedLaunch {
  private let kernel: Kernel
  private let queue: Queue
  private let global: [Int]
  private let local: [Int]

  init(_ kernel: Kernel, _ queue: Queue, global: [Int], local: [Int]) {
    self.kernel = kernel
    self.queue = queue
    self.global = global
    self.local = local
  }

  var name: String { kernel.name }

  func run() throws { try queue.launch(kernel, global: global, local: local) }

  func timedRun() throws -> () throws -> (start: UInt64, end: UInt64) {
    try queue.profiledLaunch(kernel, global: global, local: local).interval
  }
}
