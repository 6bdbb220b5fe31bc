// What is enqueued on a device, and how much of it at a time.
import OpenCL
import Tensors

/// A queue that never holds much work on a GPU.
///
/// Some drivers begin nothing until they are told to, and the watchdog of a display or of a kernel module resets a
/// device on which work has been queued for some seconds. So each launch is timed by the host in its first two runs,
/// alone; from then on the queue is flushed after about 50 ms of such work, and waited for after about a second.
final class PacedQueue {
  let queue: Queue
  let isPaced: Bool
  private let name: String
  private var sinceFlush = 0.0
  private var sinceFinish = 0.0

  /// Seconds of work between flushes, and between waits.
  static let (flushSeconds, finishSeconds) = (0.05, 1.0)

  init(_ queue: Queue, name: String, isPaced: Bool) {
    self.queue = queue
    self.name = name
    self.isPaced = isPaced
  }

  /// Starts work that takes about `seconds`.
  func start(seconds: Double, _ work: () throws -> Void) throws {
    try work()
    sinceFlush += seconds
    sinceFinish += seconds
    if sinceFinish >= Self.finishSeconds {
      try finish()
    } else if sinceFlush >= Self.flushSeconds {
      try queue.flush()
      sinceFlush = 0
    }
  }

  /// The seconds from the start of some work, on an idle device, to its end.
  func seconds(_ work: () throws -> Void) throws -> Double {
    try finish()
    let start = ContinuousClock.now
    try work()
    try finish()
    return (ContinuousClock.now - start).seconds
  }

  /// Says as a lack of memory what drivers call by several names.
  func refusing<T>(_ byteCount: Int, _ body: () throws -> T) throws -> T {
    do { return try body() } catch let error as OpenCLError where error.isLackOfMemory {
      throw MemoryError.refused(byteCount: byteCount, device: name, what: "")
    }
  }

  func finish() throws {
    try queue.finish()
    (sinceFlush, sinceFinish) = (0, 0)
  }
}

/// A buffer together with the queue that fills and reads it.
final class OpenCLBuffer: DeviceBuffer {
  let buffer: Buffer
  private let queue: PacedQueue

  init(_ buffer: Buffer, _ queue: PacedQueue) {
    self.buffer = buffer
    self.queue = queue
  }

  var byteCount: Int { buffer.byteCount }

  func region(offset: Int, byteCount: Int) throws -> any DeviceBuffer {
    OpenCLBuffer(try Buffer(region: offset, byteCount: byteCount, of: buffer), queue)
  }

  /// What a step is given is small, and a GPU need not be idle to take it.
  private static let smallBytes = 1 << 20

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try queue.refusing(bytes.count) {
      if queue.isPaced, bytes.count <= Self.smallBytes {
        try queue.queue.writeLater(bytes, to: buffer)
      } else {
        try queue.queue.write(bytes, to: buffer)
      }
    }
  }

  func read(into bytes: UnsafeMutableRawBufferPointer) throws {
    try queue.queue.read(buffer, into: bytes)
  }
}

/// A kernel with its arguments set, ready to be enqueued.
final class KernelLaunch: PreparedLaunch {
  private let kernel: Kernel
  private let queue: PacedQueue
  private let global: [Int]
  private let local: [Int]
  /// What is noted when it is launched, where kernels are compiled ahead.
  private let variant: KernelVariant?
  /// Seconds of the runs that were timed by the host; of two the lesser, since the first may include compiling.
  private var timed: [Double] = []

  init(
    _ kernel: Kernel, _ queue: PacedQueue, global: [Int], local: [Int],
    _ variant: KernelVariant? = nil
  ) {
    self.kernel = kernel
    self.queue = queue
    self.global = global
    self.local = local
    self.variant = variant
  }

  var name: String { kernel.name }

  func run() throws {
    variant?.launches()
    func launch() throws { try queue.queue.launch(kernel, global: global, local: local) }
    if !queue.isPaced {
      try launch()
    } else if timed.count < 2 {
      timed.append(try queue.seconds(launch))
    } else {
      try queue.start(seconds: min(timed[0], timed[1]), launch)
    }
  }

  func timedRun() throws -> () throws -> (start: UInt64, end: UInt64) {
    try queue.queue.profiledLaunch(kernel, global: global, local: local).interval
  }
}
