// The text of a program, as a driver's compiler gets it.
import Base
import OpenCL
import Tensors

/// What a driver's compiler is told beside the constants of a kernel.
package struct CompilerOptions: Sendable, Hashable {
  /// For every kernel.
  package var all: [String]
  /// For kernels whose work-items hold many numbers, besides.
  package var manyRegisters: [String]
  /// Whether programs declare what they use of OpenCL C themselves.
  var declares = false

  package init(all: [String] = [], manyRegisters: [String] = []) {
    self.all = all
    self.manyRegisters = manyRegisters
  }

  /// Those of a device's driver for kernels of a family.
  init(for device: DeviceDescription, _ traits: DeviceTraits) {
    // Sums of subgroups need a language that has them.
    let language = traits.hasSubgroups && traits.lanes > 1 ? device.subgroupOptions ?? [] : []
    self.init(
      all: language + (device.gainsFromFlushing ? ["-cl-denorms-are-zero"] : []),
      manyRegisters: device.hasLargeRegisterFile
        ? device.subgroupSizes.min().map(Self.forIntel) ?? [] : [])
    declares = device.gainsFromDeclarations && language.isEmpty
    // The guard of clang's header, which is then empty.
    if declares { all.append("-D_OPENCL_H_") }
  }

  /// Intel's GPUs: 256 registers for half as many threads (an option of its compiler, IGC), and the fewest
  /// work-items in each that the GPU has, where its compiler would choose more.
  package static func forIntel(lanes: Int) -> [String] {
    ["-cl-intel-256-GRF-per-thread", "-DREQUIRED_LANES=\(lanes)"]
  }
}

/// A program to build: its source, whole, and its options.
package struct KernelProgram: Sendable, Hashable, Codable {
  /// What messages call it.
  package let name: String
  package let source: String
  package let options: String

  /// Sources are long, so few programs are compared by them: those of one name with the same options.
  package func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(options)
  }

  /// `storage` has the types of those arguments, by name, that are stored in 16 bits or fewer.
  init(
    _ call: KernelCall, storage: [String: ElementType], _ sources: KernelSources,
    _ compiler: CompilerOptions
  ) throws {
    name = call.file.isEmpty ? "a generated \(call.function) kernel" : call.file
    source = try sources.expanded(
      (compiler.declares ? "#include \"declarations.cl\"\n" : "") + call.prelude
        + (call.file.isEmpty ? "" : "#include \"\(call.file)\"\n"))
    let ours =
      ["-cl-mad-enable"] + compiler.all + (call.wantsManyRegisters ? compiler.manyRegisters : [])
    let constants = call.defines.sorted { $0.key < $1.key }.map { "-D\($0.key)=\($0.value)" }
    let types = storage.sorted { $0.key < $1.key }.map {
      "-D\($0.key.uppercased())_TYPE=\($0.value.kernelName)"
    }
    let quantized = storage.values.contains(where: \.isQuantized) ? ["-DQUANTIZED"] : []
    options = (ours + constants + types + quantized).joined(separator: " ")
  }
}

extension KernelCall {
  /// The types of those arguments of a call for an application that are stored in 16 bits or fewer, by name. Traps where one without a
  /// name would be read as float32; formulas have the types of their own operands in their text.
  func narrowArguments(of application: Application) -> [String: ElementType] {
    var storage: [String: ElementType] = [:]
    for argument in arguments {
      guard let type = argument.elementType(in: application), type.isCompact else { continue }
      if case .named(_, let name) = argument {
        storage[name] = type
      } else {
        demand(!prelude.isEmpty, "\(function) is given \(type) under no name")
      }
    }
    return storage
  }
}

extension KernelCall.Argument {
  /// How an operand, a result or scratch memory is stored; nil for others.
  func elementType(in application: Application) -> ElementType? {
    switch self {
    case .operand(let index): application.operands[index].type.elementType
    case .result(let index): application.resultTypes[index].elementType
    case .stored(_, let type): type
    case .named(let argument, _): argument.elementType(in: application)
    case .scratch, .int, .float: nil
    }
  }
}
