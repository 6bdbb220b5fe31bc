// Kernels by name and build constants, built once.
import OpenCL
import Tensors

/// Builds the kernels that launches ask for, on one device.
final class KernelLibrary {
  private let context: Context
  private let cache: KernelCache?
  private let sources: KernelSources
  private let options: [String]
  private var programs: [String: Program] = [:]

  /// `options` are given to the compiler of every kernel.
  init(_ context: Context, cache: KernelCache?, options: [String]) {
    self.context = context
    self.cache = cache
    sources = KernelSources()
    self.options = ["-cl-mad-enable", "-cl-denorms-are-zero"] + options
  }

  /// A new kernel object for one launch. `storage` has the types of those arguments, by position, that
  /// are stored otherwise than as 32 bits.
  func kernel(_ call: KernelCall, storage: [Int: ElementType] = [:]) throws -> Kernel {
    try Kernel(try program(call, storage), name: call.function)
  }

  private func program(_ call: KernelCall, _ storage: [Int: ElementType]) throws -> Program {
    let file = call.file.isEmpty ? "" : "#include \"\(call.file)\"\n"
    let source = try sources.expanded(call.prelude + file)
    let options =
      (self.options
      + call.defines.sorted { $0.key < $1.key }.map {
        "-D\($0.key)=\($0.value)"
      }
      + storage.sorted { $0.key < $1.key }.map { "-DT\($0.key)=\($0.value.kernelName)" })
      .joined(separator: " ")
    let key = options + "\n" + source
    if let known = programs[key] { return known }
    let name = call.file.isEmpty ? "a generated \(call.function) kernel" : call.file
    let program = try build(source, options, name, KernelCache.Key(context.device, key))
    programs[key] = program
    return program
  }

  private func build(_ source: String, _ options: String, _ name: String, _ key: KernelCache.Key)
    throws -> Program
  {
    // A binary that the driver no longer takes is built again.
    if let binary = cache?.binary(key),
      let program = try? Program(context, binary: binary, options: options, name: name)
    {
      return program
    }
    let start = ContinuousClock.now
    let program = try Program(context, source: source, options: options, name: name)
    if let cache, ContinuousClock.now - start >= cache.minimumBuildTime,
      let binary = try? program.binary()
    {
      cache.store(binary, key)
    }
    return program
  }
}
