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

  init(_ context: Context, cache: KernelCache?, _ compiler: CompilerOptions) {
    self.context = context
    self.cache = cache
    self.compiler = compiler
    sources = KernelSources()
  }

  /// A new kernel object for one launch. `storage` has the types of those arguments, by position, that
  /// are stored otherwise than as 32 bits.
  func kernel(_ call: KernelCall, storage: [String: ElementType] = [:]) throws -> Kernel {
    try Kernel(try program(call, storage), name: call.function)
  }

  private func program(_ call: KernelCall, _ storage: [String: ElementType]) throws -> Program {
    let text = try KernelProgram(call, storage: storage, sources, compiler)
    if let known = programs[text] { return known }
    let program = try build(text)
    programs[text] = program
    return program
  }

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
    if let cache, ContinuousClock.now - start >= cache.minimumBuildTime,
      let binary = try? program.binary()
    {
      cache.store(binary, key)
    }
    return program
  }
}
