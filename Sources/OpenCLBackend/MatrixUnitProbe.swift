// Finds out whether a device's matrix units can be used.
import OpenCL
import Tensors

extension MatrixUnit {
  /// The units that a device may have, the likeliest first. Drivers that cannot know a unit's instruction are not
  /// asked.
  package static func candidates(for device: DeviceDescription) -> [MatrixUnit.Kind] {
    guard device.kind == .gpu else { return [] }
    let intel = "cl_intel_subgroup_matrix_multiply_accumulate"
    let vendors: [(prefix: String, kinds: [Kind])] = [
      ("cl_nv_", [.nvidia, .turing]), ("cl_amd_", [.rdna4, .rdna3, .cdna]),
      (intel, [.intel16, .intel8]),
    ]
    return vendors.first { vendor in
      device.extensions.contains { $0.hasPrefix(vendor.prefix) }
    }?.kinds ?? []
  }

  /// The unit whose kernel this device's driver builds and which then multiplies rightly, in each type that it
  /// takes; nil where there is none. A compiler may end the process that asks it for an instruction that its device
  /// lacks; `retort` therefore asks in a process of its own and keeps the answer.
  package static func probe(_ device: DeviceDescription) -> MatrixUnit? {
    if let kept = DeviceFindings.kept(for: device) { return kept.matrixUnit.map { MatrixUnit($0) } }
    return candidates(for: device).map { MatrixUnit($0) }.first {
      (try? $0.multipliesRightly(on: device)) == true
    }
  }

  /// Compares products of small integers, which are exact, with the reference: of every layout, in large tiles and in
  /// small ones, with rows that are whole vectors and rows that are not.
  package func multipliesRightly(on device: DeviceDescription) throws -> Bool {
    try kind.types.allSatisfy { type in
      try [(false, false), (false, true), (true, false)].allSatisfy { transposeA, transposeB in
        // With one unit to fill tiles are large, with 12 small. Tiles that are copied directly are loaded otherwise.
        try multiplies(
          m: 137, n: 130, k: 96, transposeA, transposeB, type, on: device, computeUnits: 1)
          && (kind.copiesDirectly ? [1, 10, 12] : []).allSatisfy { units in
            try multiplies(
              m: 136, n: 264, k: 104, transposeA, transposeB, type, on: device,
              computeUnits: units)
          }
      } && multiplies(m: 72, n: 48, k: 104, false, false, type, on: device, computeUnits: 64)
    }
  }

  private func multiplies(
    m: Int, n: Int, k: Int, _ transposeA: Bool, _ transposeB: Bool, _ type: ElementType,
    on device: DeviceDescription, computeUnits: Int
  ) throws -> Bool {
    var traits = DeviceTraits(of: device, as: .gpu)
    traits.matrixUnit = self
    traits.computeUnits = computeUnits
    func numbers(_ rows: Int, _ columns: Int, _ isTransposed: Bool, _ factor: Int) -> TensorData {
      TensorData(
        isTransposed ? [columns, rows] : [rows, columns],
        (0..<rows * columns).map { Float($0 * factor % 17 - 8) })
    }
    let (a, b) = (numbers(m, k, transposeA, 7), numbers(k, n, transposeB, 11))
    let expected = MatMul(transposeA: transposeA, transposeB: transposeB).reference([a, b])[0]
    let x = Tensor.input("a", TensorType(a.shape, type))
    let y = Tensor.input("b", TensorType(b.shape, type))
    let c = x.matmul(y, transposeSelf: transposeA, transposeOther: transposeB)
    let executor = try GraphExecutor(
      Graph(outputs: [c]),
      on: VariableStore(on: OpenCLDevice(device, traits: traits), seed: 1))
    try executor.set(x, to: a.stored(as: type))
    try executor.set(y, to: b.stored(as: type))
    try executor.run()
    return try executor.value(of: c) == expected
  }
}
