// A two-layer GPT-2 against Hugging Face's: logits and every gradient.
import Base
import Checks
import Storage
import Tensors
import Testing

@testable import Models

@Suite struct GPT2Tests {
  static let configuration = GPT2Configuration(
    vocabularySize: 19, contextLength: 12, width: 16, layerCount: 2, headCount: 2)

  /// What differs from PyTorch's numbers, as sentences.
  static func failures(on device: any Device) throws -> [String] {
    let file = try golden("gpt2")
    func data(_ name: String) throws -> TensorData {
      guard let found = try file[name] else { throw UserError("no golden tensor \(name)") }
      return found
    }
    let model = GPT2(configuration)
    let store = VariableStore(on: device, seed: 1)
    try model.declare(in: store)
    for (name, tensor) in model.parameters() {
      try store.entry(tensor)?.buffer.write(try data("start." + name))
    }
    let type = TensorType([3, 12], .int32)
    let (tokens, labels) = (Tensor.input("tokens", type), Tensor.input("labels", type))
    let logits = model.logits(tokens)
    let loss = logits.crossEntropy(labels: labels).sum() * Float(1.0 / 36)
    let slopes = gradients(of: loss, withRespectTo: model.parameters().map(\.tensor))
    let executor = try GraphExecutor(Graph(outputs: [logits] + slopes), on: store)
    try executor.set(tokens, to: try data("tokens"))
    try executor.set(labels, to: try data("labels"))
    try executor.run()
    var failures: [String] = []
    func check(_ name: String, _ got: Tensor) throws {
      let error = relativeError(try executor.value(of: got), try data(name))
      if !(error <= 2e-5) { failures.append("\(name): relative error \(error)") }
    }
    try check("logits", logits)
    for ((name, _), slope) in zip(model.parameters(), slopes) {
      try check("gradient." + name, slope)
    }
    return failures
  }

  @Test func referenceAgreesWithHuggingFace() throws {
    let failures = try Self.failures(on: ReferenceDevice())
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsAgreeWithHuggingFace(target: Target) throws {
    let failures = try Self.failures(on: target.open())
    #expect(failures.isEmpty, "\(failures)")
  }
}
