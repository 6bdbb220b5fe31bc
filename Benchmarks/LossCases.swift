// Losses over a vocabulary, with the gradient of the logits.
import Tensors

enum LossCases {
  static var all: [BenchmarkCase] {
    [crossEntropy(2048, 8192), divergence(2048, 8192)]
  }

  private static func crossEntropy(_ rows: Int, _ columns: Int) -> BenchmarkCase {
    let logits = Tensor.input("logits", TensorType([rows, columns]))
    let labels = Tensor.input("labels", TensorType([rows], .int32))
    let loss = logits.crossEntropy(labels: labels)
    return BenchmarkCase(
      .loss, "cross-entropy with gradient", model: "", ["rows": rows, "columns": columns],
      inputs: [logits, labels], integersBelow: columns,
      outputs: [loss] + gradients(of: loss.sum(), withRespectTo: [logits]))
  }

  private static func divergence(_ rows: Int, _ columns: Int) -> BenchmarkCase {
    let student = Tensor.input("student", TensorType([rows, columns]))
    let teacher = Tensor.input("teacher", TensorType([rows, columns]))
    let labels = Tensor.input("labels", TensorType([rows], .int32))
    let loss = Divergence.between(
      student: student, teacher: teacher, labels: labels, .forwardKL, temperature: 2)
    return BenchmarkCase(
      .loss, "forward KL with gradient", model: "", ["rows": rows, "columns": columns],
      inputs: [student, teacher, labels], integersBelow: columns,
      outputs: [loss] + gradients(of: loss.sum(), withRespectTo: [student]))
  }
}
