// One row by a matrix, as in decoding: the matrix is read once, in numbers or in blocks.
import Tensors

enum DecodingCases {
  static var all: [BenchmarkCase] {
    let numbers: [ElementType] = [.float32, .bfloat16]
    let blocks = Quantization.allCases.filter(\.canEncode).map { ElementType.quantized($0) }
    return (numbers + blocks).map { product(151_936, 896, $0) }
  }

  /// x W^T for one row x and a weight W [outputs, inputs].
  private static func product(_ outputs: Int, _ inputs: Int, _ form: ElementType) -> BenchmarkCase {
    let x = Tensor.input("x", TensorType([1, inputs]))
    let weight = Tensor.input("weight", TensorType([outputs, inputs], form))
    return BenchmarkCase(
      .decoding, "row by \(form.name)", model: "qwen2-0.5b", ["n": outputs, "k": inputs],
      inputs: [x, weight], outputs: [x.matmul(weight, transposeOther: true)])
  }
}
