// What a device must get right before it is trusted with a training run.
import Tensors

/// One thing that was checked on a device.
package struct CheckResult: Sendable {
  /// A sentence of what must hold.
  package let claim: String
  /// What was found instead; nil where it holds.
  package let failure: String?
}

/// Compares a device with the plain Swift reference, and both with numbers that are known.
package struct SelfTest {
  let device: any Device
  let reference = ReferenceDevice()

  package init(on device: any Device) { self.device = device }

  /// Runs every check, telling each one as it ends. Takes seconds, and minutes where a driver compiles
  /// slowly.
  package func run(onResult: (CheckResult) throws -> Void) rethrows {
    for check in formulaChecks + lossChecks + trainingChecks {
      let failure: String?
      do { failure = try check.body() } catch { failure = "\(error)" }
      try onResult(CheckResult(claim: check.claim, failure: failure))
    }
  }

  /// A claim, and what finds a reason against it.
  struct Check {
    let claim: String
    let body: () throws -> String?
  }

  /// The values of some tensors on a device.
  func values(
    _ outputs: [Tensor], _ feeds: [(Tensor, TensorData)], on device: any Device,
    storage: ElementType = .float32
  ) throws -> [TensorData] {
    let executor = try GraphExecutor(
      Graph(outputs: outputs), on: VariableStore(on: device, seed: 1),
      options: .init(storage: storage))
    for (tensor, data) in feeds { try executor.set(tensor, to: data) }
    try executor.run()
    return try outputs.map(executor.value)
  }

  /// |a - b| / |b| in the Euclidean norm; 0 or infinity for integers.
  static func error(_ a: TensorData, _ b: TensorData) -> Double {
    if a.type.elementType == .int32 { return a == b ? 0 : .infinity }
    var (difference, size) = (0.0, 0.0)
    for (x, y) in zip(a.floats, b.floats) {
      difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
      size += Double(y) * Double(y)
    }
    let error = (difference / max(size, 1e-12)).squareRoot()
    return error.isFinite ? error : .infinity
  }

  /// Numbers in [-1, 1), or integers from 0 on, that depend on the shape and the salt alone.
  static func numbers(_ shape: Shape, salt: Int, scale: Float = 1) -> TensorData {
    TensorData(shape, scrambled(shape, salt).map { (Float($0 >> 8) * 0x1p-23 - 1) * scale })
  }

  static func integers(_ shape: Shape, salt: Int, below limit: Int) -> TensorData {
    TensorData(shape, scrambled(shape, salt).map { Int32($0 >> 1) % Int32(limit) })
  }

  private static func scrambled(_ shape: Shape, _ salt: Int) -> [UInt32] {
    (0..<shape.elementCount).map { index in
      var x = UInt32(truncatingIfNeeded: index &+ salt &* 7919) &* 0x9E37_79B9
      x = (x ^ (x >> 15)) &* 0x85EB_CA6B
      return x ^ (x >> 13)
    }
  }
}
