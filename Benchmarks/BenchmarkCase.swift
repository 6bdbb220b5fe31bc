// What is timed: work of real sizes, in a form that peers can read from a result file.
import Tensors

/// The names that the command takes.
enum Group: String, CaseIterable {
  case matmul, decoding, attention, softmax, normalize, elementwise, loss, optimizer, memory, step
}

/// One piece of work.
struct BenchmarkCase {
  let group: Group
  /// What is computed, in words that the peers' scripts know.
  let operation: String
  /// The model whose sizes these are.
  let model: String
  let sizes: KeyValuePairs<String, Int>
  let flopCount: Double
  /// Every operand and result counted once; 0 where it says nothing.
  let byteCount: Double
  /// Readies the work on a device.
  let prepare: (any Device) throws -> PreparedCase

  /// Whether it is made of products, which matrix units may do.
  var isOfProducts: Bool { [.matmul, .attention, .step].contains(group) }

  var name: String {
    ([operation] + sizes.map { "\($0.key) \($0.value)" } + [model]).joined(separator: ", ")
  }
}

/// A case on a device.
struct PreparedCase {
  /// Starts the work once, without waiting for it.
  let run: () throws -> Void
  /// The same, every launch timed; needs a profiling device.
  let profile: () throws -> Profile
  /// Further numbers about this case, such as "plan_bytes".
  var facts: [String: Double] = [:]
}

extension BenchmarkCase {
  /// The computation of some tensors from random inputs; what lies between is stored as narrowly as those, results as
  /// float32.
  init(
    _ group: Group, _ operation: String, model: String, _ sizes: KeyValuePairs<String, Int>,
    flopCount: Double = 0, inputs: [Tensor], integersBelow: Int = 1, outputs: [Tensor]
  ) {
    self.init(
      group: group, operation: operation, model: model, sizes: sizes, flopCount: flopCount,
      byteCount: Double((inputs + outputs).reduce(0) { $0 + $1.type.byteCount })
    ) { device in
      let storage = inputs.first { $0.type.elementType.isNarrow }?.type.elementType ?? .float32
      let executor = try GraphExecutor(
        Graph(outputs: outputs), on: VariableStore(on: device, seed: 1),
        options: .init(storage: storage))
      for input in inputs { try executor.set(input, to: someData(input.type, integersBelow)) }
      return PreparedCase(run: { try executor.run() }, profile: executor.profiledRun)
    }
  }
}

/// Numbers spread over [-1, 1), or integers over their range; which ones does not matter to the
/// time.
func someData(_ type: TensorType, _ integersBelow: Int, salt: Int = 0) -> TensorData {
  let scrambled = (0..<type.elementCount).map {
    UInt32(truncatingIfNeeded: $0 + salt * 7919) &* 2_654_435_761
  }
  if type.elementType == .int32 {
    return TensorData(type.shape, scrambled.map { Int32($0 >> 1) % Int32(integersBelow) })
  }
  return TensorData(type.shape, scrambled.map { Float($0 >> 8) * 0x1p-23 - 1 })
    .stored(as: type.elementType)
}

/// The gradients of `output` with respect to some of its operands, for the slopes `given`.
func slopes(of output: Tensor, given: Tensor, withRespectTo tensors: [Tensor]) -> [Tensor] {
  gradients(of: (output * given).sum(), withRespectTo: tensors)
}
