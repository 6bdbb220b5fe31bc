// Products of matrices: each layer's forward pass, and the gradients of its input and weight.
import Tensors

struct MatMulCases {
  /// How operands are stored.
  let storage: ElementType

  var all: [BenchmarkCase] {
    squares
      + layers(
        "student", tokens: 2048, [(384, 1152), (384, 384), (384, 1536), (1536, 384), (384, 8192)])
      + layers(
        "teacher", tokens: 2048, [(768, 2304), (768, 768), (768, 3072), (3072, 768), (768, 8192)])
      + layers("gpt2-small", tokens: 256, [(768, 2304), (3072, 768), (768, 50257)])
      + layers("qwen2-0.5b", tokens: 512, [(896, 896), (896, 4864), (4864, 896)])
      + [product("qwen2-0.5b", 64, 151_936, 896, false, true)]
  }

  private var squares: [BenchmarkCase] {
    [1024, 2048].flatMap { n in
      [(false, false), (false, true), (true, false)].map { product("square", n, n, n, $0, $1) }
    } + [product("square", 4096, 4096, 4096, false, false)]
  }

  /// For x [tokens, I] and a weight [O, I]: y = x W^T, dx = dy W, dW = dy^T x.
  private func layers(_ model: String, tokens: Int, _ sizes: [(Int, Int)])
    -> [BenchmarkCase]
  {
    sizes.flatMap { inputs, outputs in
      [
        product(model, tokens, outputs, inputs, false, true),
        product(model, tokens, inputs, outputs, false, false),
        product(model, outputs, inputs, tokens, true, false),
      ]
    }
  }

  private func product(
    _ model: String, _ m: Int, _ n: Int, _ k: Int, _ ta: Bool, _ tb: Bool
  ) -> BenchmarkCase {
    let a = Tensor.input("a", TensorType(ta ? [k, m] : [m, k], storage))
    let b = Tensor.input("b", TensorType(tb ? [n, k] : [k, n], storage))
    return BenchmarkCase(
      .matmul, "matmul " + (ta ? "T" : "N") + (tb ? "T" : "N"), model: model,
      ["m": m, "n": n, "k": k], flopCount: 2 * Double(m) * Double(n) * Double(k),
      inputs: [a, b], outputs: [a.matmul(b, transposeSelf: ta, transposeOther: tb)])
  }
}
