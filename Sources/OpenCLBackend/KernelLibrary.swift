// Kernels by name and build constants, built once.
import OpenCL
import Tensors

/// Builds the kernels that launches ask for, on one device.
final class KernelLibrary {
  private let context: Context
  private let cache: KernelCache?
  private let sources: KernelSources
  private let compiler: CompilerOptions
  private var programs: [KernelProgram: Program] = [:]
  private var variants: [KernelVariant.Key: KernelVariant] = [:]
  /// Whether a program took so long that the driver will not have built it before.
  private(set) var hasBuiltAnew = false

  init(_ context: Context, cache: KernelCache?, _ compiler: CompilerOptions) {
    self.context = context
    self.cache = cache
    self.compiler = compiler
    sources = KernelSources()
  }

  /// The program of a kernel. `storage` has the types of those arguments, by name, that are stored in 16 bits.
  func program(of call: KernelCall, storage: [String: ElementType]) throws -> KernelProgram {
    try KernelProgram(call, storage: storage, sources, compiler)
  }

  /// A new kernel object for one launch.
  func kernel(_ function: String, of text: KernelProgram) throws -> Kernel {
    let program = try programs[text] ?? build(text)
    programs[text] = program
    return try Kernel(program, name: function)
  }

  /// What a driver that compiles at launch makes one kernel of.
  func variant(of call: KernelCall, in program: KernelProgram) -> KernelVariant {
    let key = KernelVariant.Key(program, call)
    if let known = variants[key] { return known }
    let variant = KernelVariant()
    variants[key] = variant
    return variant
  }

  /// Reading a program that it built before takes a driver less.
  private static let longestReading = Duration.milliseconds(20)

  private func build(_ text: KernelProgram) throws -> Program {
    let key = KernelCache.Key(context.device, text.options + "\n" + text.source)
    // A binary that the driver no longer takes is built again.
    if let binary = cache?.binary(key),
      let program = try? Program(context, binary: binary, options: text.options, name: text.name)
    {
      return program
    }
    let start = ContinuousClock.now
    let program = try Program(
      context, source: text.source, options: text.options, name: text.name)
    let duration = ContinuousClock.now - start
    if duration > Self.longestReading { hasBuiltAnew = true }
    if let cache, duration >= cache.minimumBuildTime,
      let binary = try? program.binary()
    {
      cache.store(binary, key)
    }
    return program
  }
}
