// Work that is bound by memory: softmax, norms, activations.
import Tensors

enum RowCases {
  static var all: [BenchmarkCase] {
    both(.softmax, "softmax", rows: 2048, columns: 8192) { x, _, _ in x.softmax() }
      + both(.softmax, "softmax", rows: 4096, columns: 1024) { x, _, _ in x.softmax() }
      + both(.normalize, "layer norm", rows: 2048, columns: 8192, isNorm: true) { x, gain, bias in
        x.layerNormalized(gain: gain, bias: bias, epsilon: 1e-5)
      }
      + both(.normalize, "layer norm", rows: 2048, columns: 768, isNorm: true) { x, gain, bias in
        x.layerNormalized(gain: gain, bias: bias, epsilon: 1e-5)
      }
      + both(.normalize, "rms norm", rows: 2048, columns: 8192, isNorm: true) { x, gain, _ in
        x.rmsNormalized(gain: gain, epsilon: 1e-5)
      }
      + both(.normalize, "rms norm", rows: 2048, columns: 896, isNorm: true) { x, gain, _ in
        x.rmsNormalized(gain: gain, epsilon: 1e-5)
      }
      + both(.elementwise, "gelu", rows: 2048, columns: 8192) { x, _, _ in x.gelu() }
      + both(.elementwise, "gelu", rows: 2048, columns: 1536) { x, _, _ in x.gelu() }
      + both(.elementwise, "gelu tanh", rows: 2048, columns: 3072) { x, _, _ in x.geluTanh() }
      + both(.elementwise, "silu", rows: 2048, columns: 4864) { x, _, _ in x.silu() }
  }

  /// Forward, and forward with the gradients of everything that went in.
  private static func both(
    _ group: Group, _ operation: String, rows: Int, columns: Int, isNorm: Bool = false,
    _ formula: (Tensor, _ gain: Tensor, _ bias: Tensor) -> Tensor
  ) -> [BenchmarkCase] {
    let x = Tensor.input("x", TensorType([rows, columns]))
    let slope = Tensor.input("slope", x.type)
    let gain = Tensor.input("gain", TensorType([columns]))
    let bias = Tensor.input("bias", TensorType([columns]))
    let y = formula(x, gain, bias)
    let inputs = isNorm ? [x, gain, bias] : [x]
    let sizes: KeyValuePairs = ["rows": rows, "columns": columns]
    return [
      BenchmarkCase(group, operation, model: "", sizes, inputs: inputs, outputs: [y]),
      BenchmarkCase(
        group, operation + " with gradient", model: "", sizes, inputs: inputs + [slope],
        outputs: [y] + slopes(of: y, given: slope, withRespectTo: inputs)),
    ]
  }
}
