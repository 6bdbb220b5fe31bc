// The duties of an operation: its mathematics, and what it asks a device to launch.
import Base

/// The mathematics of one operation.
package protocol Op: Sendable, Hashable {
  /// The types of the results; traps with a sentence that names the op and the shapes.
  func resultTypes(_ operands: [TensorType]) -> [TensorType]

  /// The gradient with respect to each operand, in terms of tensors; nil where none flows.
  func gradients(_ application: Application, _ resultGradients: [Tensor?]) -> [Tensor?]

  /// Plain Swift, sums in `Double`: the definition of correct.
  func reference(_ operands: [TensorData]) -> [TensorData]

  /// Whether the result is the operand's memory under another shape.
  var isView: Bool { get }

  /// An op that takes the same operands and more, and gives the same results and more: where a graph
  /// holds both on the same operands, that one alone runs.
  var completion: (any Op)? { get }

  /// An op that gives the first `count` results alone, for less, where nothing reads the others; nil where there is none.
  func giving(first count: Int) -> (any Op)?
}

extension Op {
  package var isView: Bool { false }
  package var completion: (any Op)? { nil }
  package func giving(first count: Int) -> (any Op)? { nil }
}

/// An operation with kernels: all but views. Its file in `Kernels/` has the same stem.
package protocol KernelOp: Op {
  /// What to launch on a device with these traits.
  func launches(_ operands: [TensorType], on traits: DeviceTraits) -> Launches

  /// Whether the kernels stay right when a result is written over an operand of the same size.
  func mayOverwrite(operand: Int, with result: Int) -> Bool

  /// Whether the kernels take an operand, or give a result, that is stored in 16 bits.
  func mayBeNarrow(operand: Int) -> Bool
  func mayBeNarrow(result: Int) -> Bool

  /// Whether the kernels take an operand, a matrix, that lies in blocks.
  func mayBeQuantized(operand: Int) -> Bool

  /// The products of matrices that the op makes, for the tuner.
  func products(_ operands: [TensorType]) -> [MatMulProblem]

  /// Floating-point operations, for the profile; 0 where memory traffic is what counts.
  func flopCount(_ operands: [TensorType]) -> Double
}

extension KernelOp {
  package func mayOverwrite(operand: Int, with result: Int) -> Bool { false }
  package func mayBeNarrow(operand: Int) -> Bool { false }
  package func mayBeNarrow(result: Int) -> Bool { false }
  package func mayBeQuantized(operand: Int) -> Bool { false }
  package func products(_ operands: [TensorType]) -> [MatMulProblem] { [] }
  package func flopCount(_ operands: [TensorType]) -> Double { 0 }
}

/// What kernels do for an application; those of a view do nothing.
extension Application {
  private var kernels: (any KernelOp)? {
    guard !op.isView else { return nil }
    guard let kernels = op as? any KernelOp else { fatal("\(op) has no kernels") }
    return kernels
  }

  private var operandTypes: [TensorType] { operands.map(\.type) }

  /// What a device runs for it.
  package func launches(on traits: DeviceTraits) -> Launches {
    kernels?.launches(operandTypes, on: traits) ?? Launches([])
  }

  func mayOverwrite(operand: Int, with result: Int) -> Bool {
    kernels?.mayOverwrite(operand: operand, with: result) ?? false
  }

  func mayBeNarrow(operand: Int) -> Bool { kernels?.mayBeNarrow(operand: operand) ?? false }
  func mayBeNarrow(result: Int) -> Bool { kernels?.mayBeNarrow(result: result) ?? false }

  func mayBeQuantized(operand: Int) -> Bool { kernels?.mayBeQuantized(operand: operand) ?? false }

  /// The products of matrices that it makes.
  package var products: [MatMulProblem] { kernels?.products(operandTypes) ?? [] }

  /// Its floating-point operations; 0 where memory traffic is what counts.
  package var flopCount: Double { kernels?.flopCount(operandTypes) ?? 0 }
}

/// The kernels of one application, in order, with the scratch memory they share.
package struct Launches: Sendable {
  package var calls: [KernelCall]
  /// Byte counts of the scratch buffers, which live only during these calls.
  package var scratch: [Int]

  package init(_ calls: [KernelCall], scratch: [Int] = []) {
    self.calls = calls
    self.scratch = scratch
  }
}

/// A kernel function, over how many work-items, with which arguments and build constants.
package struct KernelCall: Sendable {
  package indirect enum Argument: Sendable, Hashable {
    case operand(Int)
    case result(Int)
    case scratch(Int)
    /// Scratch memory that holds numbers of a type other than float32.
    case stored(Argument, as: ElementType)
    /// Memory whose numbers may lie in 16 bits: the kernel finds their type under the argument's name, such as `DOUT_TYPE`.
    case named(Argument, String)
    case int(Int)
    case float(Float)

    static func operand(_ index: Int, _ name: String) -> Argument { .named(.operand(index), name) }
    static func result(_ index: Int, _ name: String) -> Argument { .named(.result(index), name) }

    /// The argument as a part of a longer list, which `replace` knows.
    fileprivate func replacing(_ replace: (Argument) -> Argument) -> Argument {
      if case .named(let argument, let name) = self { return .named(replace(argument), name) }
      return replace(self)
    }
  }

  package var function: String
  /// A file of `Kernels/`; empty where `prelude` is the whole source.
  package var file: String
  /// Generated text that stands before the file.
  package var prelude: String
  package var defines: [String: Int]
  package var arguments: [Argument]
  package var global: [Int]
  package var local: [Int]
  /// Whether a work-item holds so many numbers that a compiler which can give it more registers should.
  package var wantsManyRegisters = false
  /// Whether its loops end by what memory holds, so that it cannot be tried on zeros.
  package var followsLinks = false

  package init(
    _ function: String, file: String, prelude: String = "", defines: [String: Int] = [:],
    arguments: [Argument], global: [Int], local: [Int]
  ) {
    self.function = function
    self.file = file
    self.prelude = prelude
    self.defines = defines
    self.arguments = arguments
    self.global = global
    self.local = local
  }

  /// The same call as a part of a longer list: operands and results are the given arguments, and
  /// scratch buffers are counted from `firstScratch`.
  func binding(operands: [Argument], results: [Argument], firstScratch: Int) -> KernelCall {
    var bound = self
    bound.arguments = arguments.map { argument in
      argument.replacing {
        switch $0 {
        case .operand(let index): operands[index]
        case .result(let index): results[index]
        case .scratch(let index): .scratch(firstScratch + index)
        case .stored, .named, .int, .float: $0
        }
      }
    }
    return bound
  }

  /// A kernel in which one work-group of `traits.lanes` work-items owns a row at a time.
  package static func rows(
    _ function: String, file: String, rowCount: Int, defines: [String: Int] = [:],
    arguments: [Argument], on traits: DeviceTraits
  ) -> KernelCall {
    let groups = max(1, min(rowCount, traits.rowGroupLimit))
    return KernelCall(
      function, file: file, defines: defines.merging(traits.rowDefines) { $1 },
      arguments: arguments,
      global: [groups * traits.lanes], local: [traits.lanes])
  }
}

extension KernelCall {
  /// A kernel whose work-items share nothing, and of which about `count` are worth starting.
  static func items(
    _ function: String, file: String, prelude: String = "", count: Int,
    defines: [String: Int] = [:], arguments: [Argument], on traits: DeviceTraits
  ) -> KernelCall {
    let local = traits.groupSize
    return KernelCall(
      function, file: file, prelude: prelude,
      defines: defines.merging(["LANES": traits.lanes]) { own, _ in own }, arguments: arguments,
      global: [roundUp(max(1, count), toMultipleOf: local)], local: [local])
  }
}

extension Launches {
  /// A kernel that reads and writes every element once: `function` in the file of its name, whose arguments are operands,
  /// results, the number of elements, then `more`.
  static func sweep(
    _ function: String, _ operands: [TensorType], resultCount: Int,
    _ more: [KernelCall.Argument], on traits: DeviceTraits
  ) -> Launches {
    let count = operands[0].elementCount
    let most = traits.family == .cpu ? traits.computeUnits * 16 : 1 << 20
    return Launches([
      .items(
        function, file: "\(function).cl", count: min(ceilDivide(count, traits.vectorWidth), most),
        defines: ["VECTOR": traits.vectorWidth],
        arguments: operands.indices.map { .operand($0) } + (0..<resultCount).map { .result($0) }
          + [.int(count)] + more, on: traits)
    ])
  }
}

/// The quotient rounded up.
func ceilDivide(_ a: Int, _ b: Int) -> Int { (a + b - 1) / b }

/// The smallest multiple of `b` that is at least `a`.
func roundUp(_ a: Int, toMultipleOf b: Int) -> Int { ceilDivide(a, b) * b }
