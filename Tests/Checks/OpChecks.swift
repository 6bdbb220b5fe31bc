// What every op must satisfy: kernels agree with the reference, gradients with finite differences.
import Foundation
import Tensors

/// An op on some data.
package struct OpCase: Sendable, CustomStringConvertible {
  package let op: any KernelOp
  package let data: [TensorData]

  package init(_ op: any KernelOp, _ data: [TensorData]) {
    self.op = op
    self.data = data
  }

  package var description: String { "\(op) of \(data.map(\.shape))" }

  /// Of all operands together.
  var elementCount: Int { data.reduce(0) { $0 + $1.type.elementCount } }
}

/// The largest relative error of an op's kernels over its results, against its reference. Operands and
/// results are stored as `storage` where the op allows it.
package func kernelError(
  _ item: OpCase, on device: any Device, storage: ElementType = .float32
) throws -> Double {
  let data = item.data.enumerated().map { index, operand in
    operand.type.elementType == .float32 && item.op.mayBeNarrow(operand: index)
      ? operand.stored(as: storage) : operand
  }
  let feeds = inputs(data)
  let types = item.op.resultTypes(item.data.map(\.type)).enumerated().map { index, type in
    type.elementType == .float32 && item.op.mayBeNarrow(result: index) ? storage : type.elementType
  }
  let expected = zip(item.op.reference(data), types).map { $0.stored(as: $1) }
  let results = Application(item.op, feeds.map(\.tensor), storage: types).results
  let got = try evaluate(results, feeds, on: device, options: .init(rewrites: false))
  return zip(got, expected).map { relativeError($0, $1) }.max() ?? 0
}

/// The most elements that an op's operands may have together in a kernel test; simulators of OpenCL
/// set `RETORT_TEST_ELEMENTS`, because they are slow.
private let elementLimit =
  ProcessInfo.processInfo.environment["RETORT_TEST_ELEMENTS"].flatMap { Int($0) } ?? .max

/// The kernel errors above a tolerance, as sentences.
package func kernelFailures(
  _ cases: [OpCase], on target: Target, tolerance: Double = 1e-5
) throws -> [String] {
  try kernelFailures(cases, on: target.open(), tolerance: tolerance)
}

/// The kernel errors in 16 bits, of each op's case of middle size in bfloat16 and its largest in float16. Sums in another order may round to
/// a neighbour, which differs by 2^-8 in bfloat16, but few do.
package func narrowKernelFailures(
  _ cases: [OpCase], on target: Target, tolerance: Double = 1e-3
) throws -> [String] {
  let device = try target.open()
  let small = cases.filter { $0.elementCount <= elementLimit }
  return try Dictionary(grouping: small) { "\(type(of: $0.op))" }.values.flatMap { group in
    let sorted = group.sorted { $0.elementCount < $1.elementCount }
    return try kernelFailures(
      [sorted[sorted.count / 2]], on: device, tolerance: tolerance, storage: .bfloat16)
      + kernelFailures(
        [sorted[sorted.count - 1]], on: device, tolerance: tolerance, storage: .float16)
  }
}

/// The same on a device that is open.
package func kernelFailures(
  _ cases: [OpCase], on device: any Device, tolerance: Double = 1e-5,
  storage: ElementType = .float32
) throws -> [String] {
  let chosen = cases.filter { $0.elementCount <= elementLimit }
  precondition(!chosen.isEmpty, "no case is as small as RETORT_TEST_ELEMENTS asks for")
  return try chosen.compactMap { item in
    let error = try kernelError(item, on: device, storage: storage)
    return error <= tolerance
      ? nil
      : "\(item) in \(storage) on \(device.name), \(device.traits.family) kernels: "
        + "relative error \(error)"
  }
}

/// Whether an op's kernels give NaN exactly where its reference does, and the same numbers elsewhere; else a
/// sentence. Each case must have both.
package func strangeIdFailures(_ cases: [OpCase], on target: Target) throws -> [String] {
  let device = try target.open()
  return try cases.flatMap { item -> [String] in
    let feeds = inputs(item.data)
    let results = Application(item.op, feeds.map(\.tensor)).results
    let got = try evaluate(results, feeds, on: device, options: .init(rewrites: false))
    return zip(got, item.op.reference(item.data)).enumerated().compactMap { index, pair in
      let (a, b) = (pair.0.floats, pair.1.floats)
      func known(_ numbers: [Float]) -> [Float] { numbers.map { $0.isNaN ? 0 : $0 } }
      guard zip(a, b).allSatisfy({ $0.isNaN == $1.isNaN }) else {
        return "\(item), result \(index): NaN stands elsewhere than in the reference"
      }
      let error = relativeError(
        TensorData(pair.0.shape, known(a)), TensorData(pair.1.shape, known(b)))
      return error <= 1e-5 ? nil : "\(item), result \(index): relative error \(error)"
    }
  }
}

/// The largest relative disagreement between an op's gradients and finite differences along random
/// directions, on the reference device. `differentiable` names the operands to vary.
package func gradientError(
  _ item: OpCase, differentiable: [Int]? = nil, step: Float = 1e-2
) throws -> Double {
  var random = RandomData(seed: 99)
  let feeds = inputs(item.data)
  let operands = feeds.map(\.tensor)
  let result = Application(item.op, operands).result(0)
  let weights = random.floats(result.shape)
  let loss = (result * .constant(weights)).sum()
  let varied =
    differentiable ?? item.data.indices.filter { item.data[$0].type.elementType == .float32 }
  let slopes = try evaluate(
    gradients(of: loss, withRespectTo: varied.map { operands[$0] }), feeds)
  var worst = 0.0
  for (index, slope) in zip(varied, slopes) {
    for _ in 0..<2 {
      let direction = random.floats(item.data[index].shape).floats
      func moved(_ amount: Float) -> Double {
        var data = item.data
        data[index] = TensorData(
          data[index].shape, zip(data[index].floats, direction).map { $0 + amount * $1 })
        // The loss in double precision, from the op's own result.
        let values = item.op.reference(data)[0].floats
        return zip(values, weights.floats).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      }
      let numeric = (moved(step) - moved(-step)) / (2 * Double(step))
      let exact = zip(slope.floats, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      let size = zip(slope.floats, direction).reduce(0) { $0 + abs(Double($1.0) * Double($1.1)) }
      worst = max(worst, abs(numeric - exact) / max(size, 1e-3))
    }
  }
  return worst
}
