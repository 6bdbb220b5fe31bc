// The order in which a device works.
internal import COpenCL

/// An in-order command queue: what is enqueued first is finished first.
package final class Queue {
  private let handle: cl_command_queue
  private let context: Context
  /// Host memory that commands are still reading.
  private var lent: [(event: cl_event, memory: UnsafeMutableRawBufferPointer)] = []

  /// `profiling` makes every launch slower and lets it return an event with its times.
  package init(_ context: Context, profiling: Bool = false) throws {
    self.context = context
    var code: cl_int = 0
    let flags = profiling ? cl_command_queue_properties(CL_QUEUE_PROFILING_ENABLE) : 0
    let made = clCreateCommandQueue(
      context.handle, context.device.handle.device, flags, &code)
    guard let made else {
      throw OpenCLError(action: "making a queue on \(context.device)", code: code)
    }
    handle = made
  }

  deinit {
    if !lent.isEmpty { clFinish(handle) }
    takeBack(where: { _ in true })
    clReleaseCommandQueue(handle)
  }

  /// Enqueues a kernel over `global` work-items in groups of `local`, each of 1 to 3 extents.
  package func launch(_ kernel: Kernel, global: [Int], local: [Int]) throws {
    try enqueue(kernel, global, local, nil)
  }

  /// As `launch`, returning the event of a profiling queue.
  package func profiledLaunch(_ kernel: Kernel, global: [Int], local: [Int]) throws -> Event {
    var event: cl_event?
    try enqueue(kernel, global, local, &event)
    guard let event else {
      throw OpenCLError(action: "asking for the event of \(kernel.name)", code: -58)
    }
    return Event(event)
  }

  private func enqueue(
    _ kernel: Kernel, _ global: [Int], _ local: [Int],
    _ event: UnsafeMutablePointer<cl_event?>?
  ) throws {
    try check(
      clEnqueueNDRangeKernel(
        handle, kernel.handle, cl_uint(global.count), nil, global, local, 0, nil, event),
      "launching \(kernel.name) over \(global) work-items in groups of \(local)")
  }

  /// Copies host bytes into a buffer; returns when the host memory may be reused.
  package func write(_ bytes: UnsafeRawBufferPointer, to buffer: Buffer) throws {
    guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
    try check(
      clEnqueueWriteBuffer(
        handle, buffer.handle, cl_bool(CL_TRUE), 0, bytes.count, base, 0, nil, nil),
      "writing \(bytes.count) bytes to the device")
  }

  /// The most bytes that wait to be read by commands.
  private static let lentBytes = 64 << 20

  /// Copies host bytes into a buffer in its turn, without waiting for it: they are copied now.
  package func writeLater(_ bytes: UnsafeRawBufferPointer, to buffer: Buffer) throws {
    guard !bytes.isEmpty else { return }
    takeBack(where: { event in
      var status: cl_int = 0
      let what = cl_event_info(CL_EVENT_COMMAND_EXECUTION_STATUS)
      let code = clGetEventInfo(event, what, MemoryLayout<cl_int>.size, &status, nil)
      return code == CL_SUCCESS && status == CL_COMPLETE
    })
    if lent.reduce(bytes.count, { $0 + $1.memory.count }) > Self.lentBytes { try finish() }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    memory.copyMemory(from: bytes)
    var event: cl_event?
    let code = clEnqueueWriteBuffer(
      handle, buffer.handle, cl_bool(CL_FALSE), 0, bytes.count, memory.baseAddress, 0, nil, &event)
    guard code == CL_SUCCESS, let event else {
      memory.deallocate()
      throw OpenCLError(action: "writing \(bytes.count) bytes to the device", code: code)
    }
    lent.append((event, memory))
  }

  private func takeBack(where isDone: (cl_event) -> Bool) {
    lent.removeAll { event, memory in
      guard isDone(event) else { return false }
      clReleaseEvent(event)
      memory.deallocate()
      return true
    }
  }

  /// Brings buffers, whose content is undefined, to the device.
  package func migrate(_ buffers: [Buffer]) throws {
    var handles: [cl_mem?] = buffers.map(\.handle)
    try check(
      clEnqueueMigrateMemObjects(
        handle, cl_uint(handles.count), &handles,
        cl_mem_migration_flags(CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED), 0, nil, nil),
      "taking \(buffers.reduce(0) { $0 + $1.byteCount }) bytes on \(context.device)")
  }

  /// Tells the driver to begin with what is enqueued.
  package func flush() throws { try check(clFlush(handle), "flushing the queue") }

  /// Waits for all earlier commands, then copies a buffer's bytes to the host.
  package func read(_ buffer: Buffer, into bytes: UnsafeMutableRawBufferPointer) throws {
    guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
    try check(
      clEnqueueReadBuffer(
        handle, buffer.handle, cl_bool(CL_TRUE), 0, bytes.count, base, 0, nil, nil),
      "reading \(bytes.count) bytes from the device")
  }

  /// Waits until every enqueued command has finished.
  package func finish() throws {
    try check(clFinish(handle), "finishing the queue")
    takeBack(where: { _ in true })
  }
}
