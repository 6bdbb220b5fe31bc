// Kernels that a second process compiles ahead of their first launch.
import Foundation
import OpenCL
import Synchronization
import Tensors

/// A kernel as a driver compiles it at its first launch: for groups of some size.
final class KernelVariant: Sendable {
  struct Key: Hashable {
    let program: KernelProgram
    let function: String
    let local: [Int]
    let isWide: Bool

    init(_ program: KernelProgram, _ call: KernelCall) {
      (self.program, function, local) = (program, call.function, call.local)
      isWide = (call.global.max() ?? 0) >= Self.wideExtent
    }

    /// PoCL compiles a kernel anew where the largest extent of a launch reaches this.
    static let wideExtent = 65_535
  }

  struct Expected {
    let variant: KernelVariant
    let request: CompilationRequest
  }

  private let launched = Atomic(false)

  /// Whether this process has launched it, and so has what the driver made of it.
  var isLaunched: Bool { launched.load(ordering: .relaxed) }
  func launches() { if !isLaunched { launched.store(true, ordering: .relaxed) } }
}

/// All that another process needs to have a driver compile a kernel.
struct CompilationRequest: Codable, Sendable {
  enum Argument: Codable {
    case memory(byteCount: Int)
    case int(Int32)
    case float(Float)
  }

  let program: KernelProgram
  let function: String
  /// As few groups as the kernel is compiled the same for.
  let global: [Int]
  let local: [Int]
  let arguments: [Argument]

  init(
    _ program: KernelProgram, _ call: KernelCall, of application: Application, scratch: [Int]
  ) {
    (self.program, function, local) = (program, call.function, call.local)
    var few = call.local
    let wide = KernelVariant.Key.wideExtent
    if let widest = few.indices.first(where: { call.global[$0] >= wide }) {
      few[widest] *= (wide + few[widest] - 1) / few[widest]
    }
    global = few
    arguments = call.arguments.map { $0.requested(by: application, scratch) }
  }
}

extension KernelCall.Argument {
  fileprivate func requested(by application: Application, _ scratch: [Int])
    -> CompilationRequest.Argument
  {
    switch self {
    case .operand(let index): .memory(byteCount: application.operands[index].type.byteCount)
    case .result(let index): .memory(byteCount: application.resultTypes[index].byteCount)
    case .scratch(let index): .memory(byteCount: scratch[index])
    case .stored(let whole, _), .named(let whole, _): whole.requested(by: application, scratch)
    case .int(let number): .int(Int32(clamping: number))
    case .float(let number): .float(number)
    }
  }
}

extension OpenCLDevice {
  /// From now on kernels are compiled ahead of their first launch where the driver would only do so then.
  package func compile(ahead: CompilationAhead) {
    if isPoCL { self.ahead = ahead }
  }

  public func expect(_ applications: [Application]) {
    guard ahead != nil else { return }
    expected = applications.flatMap { application in
      let launches = application.launches(on: traits)
      return launches.calls.filter { !$0.followsLinks }.compactMap { call in
        // What is wrong with a program is said when it is prepared.
        let text = try? library.program(
          of: call, storage: call.narrowArguments(of: application))
        return text.map {
          KernelVariant.Expected(
            variant: library.variant(of: call, in: $0),
            request: CompilationRequest(
              $0, call, of: application, scratch: launches.scratch))
        }
      }
    }
  }

  /// Begins with what is expected, once this process has met a program that is new to the driver.
  func compileAhead() {
    guard library.hasBuiltAnew, !expected.isEmpty else { return }
    ahead?.begin(expected)
    expected = []
  }
}

/// Has another process compile kernels, the last ones first, while this one builds and launches them from the first on.
///
/// PoCL compiles a kernel at its first launch, one at a time in a process, and keeps what it made on disk, where the
/// next process finds it.
package final class CompilationAhead: Sendable {
  private let executable: URL
  private let arguments: [String]
  private let isBusy = Atomic(false)
  private let compiledCount = Atomic(0)

  /// `executable`, started with `arguments`, does `serve(on:)`.
  package init(executable: URL, arguments: [String]) {
    self.executable = executable
    self.arguments = arguments
  }

  /// Fewer are compiled before a process has started.
  private static let fewestKernels = 12

  /// Begins with the last of some kernels, in the order of their launches, unless others are being compiled. Ends when it
  /// meets this process's launches. A failure only means that nothing is compiled ahead.
  func begin(_ launches: [KernelVariant.Expected]) {
    var known: Set<ObjectIdentifier> = []
    let kernels = launches.filter {
      !$0.variant.isLaunched && known.insert(ObjectIdentifier($0.variant)).inserted
    }
    guard kernels.count >= Self.fewestKernels,
      !isBusy.exchange(true, ordering: .sequentiallyConsistent)
    else {
      return
    }
    Thread.detachNewThread { [self] in
      // A process that is gone shows as an error of writing, and does not end this one.
      var signals = sigset_t()
      sigemptyset(&signals)
      sigaddset(&signals, SIGPIPE)
      pthread_sigmask(SIG_BLOCK, &signals, nil)
      try? compile(kernels)
      isBusy.store(false, ordering: .sequentiallyConsistent)
    }
  }

  private func compile(_ kernels: [KernelVariant.Expected]) throws {
    let process = Process()
    let (requests, answers) = (Pipe(), Pipe())
    process.executableURL = executable
    process.arguments = arguments
    process.standardInput = requests
    process.standardOutput = answers
    process.standardError = FileHandle.nullDevice
    process.environment = ProcessInfo.processInfo.environment.merging(Compiler.environment) { $1 }
    try process.run()
    defer {
      try? requests.fileHandleForWriting.close()
      process.waitUntilExit()
    }
    for kernel in kernels.reversed() {
      if kernel.variant.isLaunched { return }
      try requests.fileHandleForWriting.write(
        contentsOf: JSONEncoder().encode(kernel.request) + Data("\n".utf8))
      // The end of the answers is the end of the process.
      guard let answer = try answers.fileHandleForReading.read(upToCount: 1), !answer.isEmpty
      else { return }
      compiledCount.add(1, ordering: .relaxed)
    }
  }

  /// The kernels that were compiled so far; nil while more are.
  package var finishedCount: Int? {
    isBusy.load(ordering: .sequentiallyConsistent) ? nil : compiledCount.load(ordering: .relaxed)
  }

  /// A process that takes longer over a kernel ends.
  private static let longestSeconds: UInt32 = 60

  /// Compiles what standard input asks for, each a line of JSON, until it ends; answers each with a line.
  package static func serve(on device: DeviceDescription) throws {
    let compiler = try Compiler(device)
    while let line = readLine() {
      // What never ends is nobody's loss.
      alarm(longestSeconds)
      try compiler.compile(
        JSONDecoder().decode(CompilationRequest.self, from: Data(line.utf8)))
      try FileHandle.standardOutput.write(contentsOf: Data("\n".utf8))
    }
  }
}

/// Launches kernels only to have them compiled.
private final class Compiler {
  private let context: Context
  private let queue: Queue
  private var programs: [KernelProgram: Program] = [:]

  init(_ device: DeviceDescription) throws {
    context = try Context(device)
    queue = try Queue(context)
  }

  /// Memory of this size and more comes from the system, as zeros that take no room until they are touched; smaller memory is
  /// used again. A process that dies of a kernel need not say where.
  private static let freshByteCount = 1 << 17
  static let environment = [
    "MALLOC_MMAP_THRESHOLD_": "\(freshByteCount)", "SWIFT_BACKTRACE": "enable=no",
  ]

  /// Runs a few groups on zeros, which are a place in any table, in memory of the right sizes.
  func compile(_ request: CompilationRequest) throws {
    let text = request.program
    let program =
      try programs[text]
      ?? Program(context, source: text.source, options: text.options, name: text.name)
    programs[text] = program
    let kernel = try Kernel(program, name: request.function)
    for (index, argument) in request.arguments.enumerated() {
      switch argument {
      case .memory(let byteCount):
        let buffer = try Buffer(context, byteCount: byteCount)
        if byteCount < Self.freshByteCount {
          try [UInt8](repeating: 0, count: byteCount).withUnsafeBytes {
            try queue.write($0, to: buffer)
          }
        }
        try kernel.set(index, to: buffer)
      case .int(let number): try kernel.set(index, to: number)
      case .float(let number): try kernel.set(index, to: number)
      }
    }
    try queue.launch(kernel, global: request.global, local: request.local)
    try queue.finish()
  }
}
