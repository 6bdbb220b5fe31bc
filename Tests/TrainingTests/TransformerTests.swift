// A two-layer transformer against PyTorch: logits, loss, gradients, ten steps of AdamW.
import Base
import Checks
import Foundation
import Layers
import Storage
import Tensors
import Testing
import Training

@testable import Models

@Suite struct TransformerTests {
  static let configuration: LlamaConfiguration = {
    LlamaConfiguration(
      vocabularySize: 19, width: 16, intermediateWidth: 24, layerCount: 2, headCount: 2,
      keyValueHeadCount: 1, contextLength: 12)
  }()

  /// What differs from PyTorch's numbers, as sentences.
  static func failures(on device: any Device) throws -> [String] {
    let file = try golden("transformer")
    func data(_ name: String) throws -> TensorData {
      guard let found = try file[name] else { throw UserError("no golden tensor \(name)") }
      return found
    }
    var failures: [String] = []
    func check(_ name: String, _ got: TensorData, _ expected: TensorData, _ tolerance: Double) {
      let error = relativeError(got, expected.reshaped(to: got.shape))
      if !(error <= tolerance) { failures.append("\(name): relative error \(error)") }
    }
    let model = Llama(configuration)
    let store = VariableStore(on: device, seed: 1)
    try model.declare(in: store)
    let parameters = model.parameters()
    for (name, tensor) in parameters {
      try store.entry(tensor)?.buffer.write(try data("start." + name))
    }

    // Logits, loss and gradients of the first batch.
    let allTokens = try data("tokens").integers
    let allLabels = try data("labels").integers
    let type = TensorType([3, 12], .int32)
    let (tokens, labels) = (Tensor.input("tokens", type), Tensor.input("labels", type))
    func batch(_ all: [Int32], _ step: Int) -> TensorData {
      TensorData(type.shape, Array(all[step * 36..<(step + 1) * 36]))
    }
    let inverse = Tensor.input("inverse", TensorType([]))
    let logits = model.logits(tokens)
    let loss = logits.crossEntropy(labels: labels).sum() * inverse
    let slopes = gradients(of: loss, withRespectTo: parameters.map(\.tensor))
    var options = OptimizerOptions()
    options.learningRate = 1e-2
    options.warmupSteps = 3
    let optimizer = try ParameterUpdate(
      options, parameters: parameters, gradients: slopes, store: store)
    let look = try GraphExecutor(Graph(outputs: [logits] + slopes), on: store)
    let train = try GraphExecutor(
      Graph(outputs: [loss], assignments: optimizer.assignments), on: store)
    func feed(_ executor: GraphExecutor, _ step: Int) throws {
      let own = batch(allLabels, step)
      try executor.set(tokens, to: batch(allTokens, step))
      try executor.set(labels, to: own)
      try executor.set(inverse, to: TensorData(1 / Float(own.integers.count { $0 >= 0 })))
      // PyTorch was given a schedule that reaches its last rate one step later.
      try executor.set(optimizer.step, to: options.stepNumbers(step: step, of: 11))
      try executor.run()
    }
    try feed(look, 0)
    check("logits", try look.value(of: logits), try data("logits"), 1e-5)
    for ((name, _), slope) in zip(parameters, slopes) {
      check("gradient of \(name)", try look.value(of: slope), try data("gradient." + name), 2e-5)
    }
    let losses = try data("losses").floats
    for step in 0..<10 {
      try feed(train, step)
      let got = try train.value(of: loss).floats[0]
      if abs(got - losses[step]) > 1e-4 * losses[step] {
        failures.append("loss of step \(step): \(got), not \(losses[step])")
      }
    }
    for (name, tensor) in parameters {
      check("\(name) after ten steps", try store.value(of: tensor), try data("end." + name), 1e-3)
    }
    return failures
  }

  @Test func referenceAgreesWithPyTorch() throws {
    let failures = try Self.failures(on: ReferenceDevice())
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all) func kernelsAgreeWithPyTorch(target: Target) throws {
    let failures = try Self.failures(on: target.open())
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test func parametersHaveTheNamesOfHuggingFace() {
    let names = Llama(Self.configuration).parameters().map(\.name)
    #expect(names.count == 2 + 2 * 9)
    for name in [
      "model.embed_tokens.weight", "model.layers.1.self_attn.q_proj.weight",
      "model.layers.0.post_attention_layernorm.weight", "model.layers.0.mlp.down_proj.weight",
      "model.norm.weight",
    ] {
      #expect(names.contains(name), "\(name)")
    }
  }
}
