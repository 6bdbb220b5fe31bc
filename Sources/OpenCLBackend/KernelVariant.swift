// Kernels as a driver compiles them at their first launch, and as another process is asked for them.
import OpenCL
import Synchronization
import Tensors

/// A kernel as a driver compiles it at its first launch: for groups of some size.
final class KernelVariant: Sendable {
  /// What tells it from others.
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

  /// One that will be launched, and how another process is asked for it.
  struct Expected {
    let variant: KernelVariant
    let request: CompilationRequest
  }

  private let launched = Atomic(false)

  /// Whether this process has launched it, and so has what the driver made of it.
  var isLaunched: Bool { launched.load(ordering: .relaxed) }
  /// Notes that this process launches it.
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
    guard library.hasBuiltAnew, !expected.isEmpty, let ahead, !ahead.isCompiling else { return }
    ahead.begin(expected)
    expected = []
  }
}
