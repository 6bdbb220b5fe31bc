// Kernels that a second process compiles ahead of their first launch.
import Base
import Foundation
import OpenCL
import Synchronization

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

  /// Whether another process is at work.
  var isCompiling: Bool { isBusy.load(ordering: .sequentiallyConsistent) }

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
    isCompiling ? nil : compiledCount.load(ordering: .relaxed)
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
        guard byteCount >= 0 else { throw UserError("A memory of \(byteCount) bytes is none.") }
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
