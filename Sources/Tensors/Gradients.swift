// Reverse-mode differentiation: gradients are more tensors.
import Base

/// The gradient of a single number with respect to each of some tensors. A tensor on which the
/// loss does not depend has gradient zero.
public func gradients(of loss: Tensor, withRespectTo tensors: [Tensor]) -> [Tensor] {
  demand(
    loss.type.elementCount == 1 && loss.type.elementType == .float32,
    "gradients(of:) needs a single float32 number, not \(loss.type)")
  var needed = Set(tensors.map(\.identity))
  let applications = Graph(outputs: [loss]).applications
  for application in applications
  where application.operands.contains(where: { needed.contains($0.identity) }) {
    for result in application.results { needed.insert(result.identity) }
  }
  var gradients: [Tensor.Identity: Tensor] = [:]
  gradients[loss.identity] = .constant(TensorData(loss.shape, [Float(1)]))
  for application in applications.reversed() {
    let results = application.results.map { gradients[$0.identity] }
    guard results.contains(where: { $0 != nil }),
      application.results.contains(where: { needed.contains($0.identity) })
    else { continue }
    let contributions = application.op.gradients(application, results)
    for (operand, contribution) in zip(application.operands, contributions) {
      guard let contribution, needed.contains(operand.identity) else { continue }
      demand(
        contribution.shape == operand.shape,
        "\(application.op) gave a gradient of \(contribution.type) for \(operand.type)")
      let sum = gradients[operand.identity].map { $0 + contribution }
      gradients[operand.identity] = sum ?? contribution
    }
  }
  return tensors.map { gradients[$0.identity] ?? .constant(TensorData(zeros: $0.type)) }
}
