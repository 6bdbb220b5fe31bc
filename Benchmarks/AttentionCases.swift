// Causal attention at the sequence lengths of real models.
import Tensors

struct AttentionCases {
  /// How operands are stored.
  let storage: ElementType

  var all: [BenchmarkCase] {
    both("student", b: 8, t: 256, h: 6, g: 6) + both("student", b: 1, t: 2048, h: 6, g: 6)
      + both("student", b: 1, t: 4096, h: 6, g: 6) + both("teacher", b: 8, t: 256, h: 12, g: 12)
      + both("gpt2-small", b: 1, t: 1024, h: 12, g: 12)
      + both("qwen2-0.5b", b: 1, t: 1024, h: 14, g: 2)
      + [32, 80, 96, 128, 256].flatMap { both("heads", b: 1, t: 1024, h: 8, g: 8, d: $0) }
  }

  /// Forward, and forward with the three gradients.
  private func both(_ model: String, b: Int, t: Int, h: Int, g: Int, d: Int = 64)
    -> [BenchmarkCase]
  {
    let q = Tensor.input("q", TensorType([b, t, h, d], storage))
    let k = Tensor.input("k", TensorType([b, t, g, d], storage))
    let v = Tensor.input("v", TensorType([b, t, g, d], storage))
    let slope = Tensor.input("slope", q.type)
    let out = q.attention(keys: k, values: v, mask: .causal)
    let sizes: KeyValuePairs = ["b": b, "t": t, "h": h, "g": g, "d": d]
    // Two products forward; backward one is done again, and there are four more. Half the scores.
    let flops = 2 * Double(b * h * d) * Double(t) * Double(t + 1)
    return [
      BenchmarkCase(
        .attention, "attention", model: model, sizes, flopCount: flops, inputs: [q, k, v],
        outputs: [out]),
      BenchmarkCase(
        .attention, "attention with gradients", model: model, sizes, flopCount: 3.5 * flops,
        inputs: [q, k, v, slope],
        outputs: [out] + slopes(of: out, given: slope, withRespectTo: [q, k, v])),
    ]
  }
}
