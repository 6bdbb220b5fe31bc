// Finds out whether a device's matrix units can be used.
import OpenCL
import Tensors

extension MatrixUnit {
  /// The unit whose kernel this device's driver builds and which then multiplies rightly, in both types
  /// of 16 bits; nil where there is none. Drivers that cannot know a unit's instruction are not asked.
  public static func probe(_ device: DeviceDescription, traits: DeviceTraits) -> MatrixUnit? {
    guard device.kind == .gpu, traits.family == .gpu else { return nil }
    let vendors: [(prefix: String, kind: Kind)] = [
      ("cl_nv_", .nvidia), ("cl_amd_", .amd),
      ("cl_intel_subgroup_matrix_multiply_accumulate", .intel16),
      ("cl_intel_subgroup_matrix_multiply_accumulate", .intel8),
    ]
    return vendors.first { prefix, kind in
      device.extensions.contains { $0.hasPrefix(prefix) }
        && (try? MatrixUnit(kind).multipliesRightly(on: device, traits)) == true
    }.map { MatrixUnit($0.kind) }
  }

  /// Compares products of small integers, which are exact, with the reference.
  func multipliesRightly(on device: DeviceDescription, _ traits: DeviceTraits) throws -> Bool {
    var traits = traits
    traits.matrixUnit = self
    let (m, n, k) = (70, 50, 100)
    func numbers(_ rows: Int, _ columns: Int, _ factor: Int) -> TensorData {
      TensorData(
        [rows, columns], (0..<rows * columns).map { Float($0 * factor % 17 - 8) })
    }
    let (a, b) = (numbers(m, k, 7), numbers(k, n, 11))
    let op = MatMul(transposeA: false, transposeB: false)
    let expected = op.reference([a, b])[0]
    return try [ElementType.float16, .bfloat16].allSatisfy { type in
      let opened = try OpenCLDevice(device, traits: traits)
      let x = Tensor.input("a", TensorType(a.shape, type))
      let y = Tensor.input("b", TensorType(b.shape, type))
      let c = x.matmul(y)
      let executor = try GraphExecutor(
        Graph(outputs: [c]), on: VariableStore(on: opened, seed: 1))
      try executor.set(x, to: a.stored(as: type))
      try executor.set(y, to: b.stored(as: type))
      try executor.run()
      return try executor.value(of: c) == expected
    }
  }
}
