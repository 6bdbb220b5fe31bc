// Losses over a vocabulary, with the gradient of the logits.
import Tensors

enum LossCases {
  static var all: [BenchmarkCase] {
    [
      crossEntropy(2048, 8192), divergence(2048, 8192),
      linear("student", rows: 2048, vocabulary: 8192, width: 384, teacherWidth: nil),
      linear("student and teacher", rows: 2048, vocabulary: 8192, width: 384, teacherWidth: 768),
      linear("qwen2-0.5b", rows: 512, vocabulary: 151_936, width: 896, teacherWidth: 1536),
    ]
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

  /// The head as well: its logits, their losses, the gradients of hidden state and weight.
  private static func linear(
    _ model: String, rows: Int, vocabulary: Int, width: Int, teacherWidth: Int?
  ) -> BenchmarkCase {
    let x = Tensor.input("x", TensorType([rows, width]))
    let weight = Tensor.input("weight", TensorType([vocabulary, width]))
    let labels = Tensor.input("labels", TensorType([rows], .int32))
    let flops = 6 * Double(rows * vocabulary * width)
    guard let teacherWidth else {
      let loss = LinearLoss.crossEntropy(hidden: x, head: Head(weight), labels: labels)
      return BenchmarkCase(
        .loss, "linear cross-entropy with gradients", model: model,
        ["rows": rows, "columns": vocabulary, "width": width], flopCount: flops,
        inputs: [x, weight, labels], integersBelow: vocabulary,
        outputs: [loss] + gradients(of: loss.sum(), withRespectTo: [x, weight]))
    }
    let given = Tensor.input("given", TensorType([rows, teacherWidth]))
    let givenWeight = Tensor.input("given weight", TensorType([vocabulary, teacherWidth]))
    let losses = LinearLoss.distillation(
      student: (x, Head(weight)), teacher: .head(hidden: given, Head(givenWeight)), labels: labels,
      .forwardKL, temperature: 2)
    let loss = losses.crossEntropy.sum() * 0.5 + losses.divergence.sum() * 2
    return BenchmarkCase(
      .loss, "linear divergence with gradients", model: model,
      ["rows": rows, "columns": vocabulary, "width": width, "teacher_width": teacherWidth],
      flopCount: flops + 2 * Double(rows * vocabulary * teacherWidth),
      inputs: [x, weight, labels, given, givenWeight], integersBelow: vocabulary,
      outputs: [loss] + gradients(of: loss, withRespectTo: [x, weight]))
  }
}
