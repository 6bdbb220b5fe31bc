// Every family of models against Hugging Face's: hidden states, logits, every gradient.
import Base
import Checks
import Foundation
import Models
import Storage
import Tensors
import Testing

/// A small model that `make_models.py` wrote, with what `transformers` computes with it.
struct GoldenModel: Sendable, CustomStringConvertible {
  let name: String

  var description: String { name }
  var directory: ModelDirectory { ModelDirectory(goldenFolder("models/\(name)")) }
  var numbers: Safetensors {
    get throws {
      try Safetensors(contentsOf: directory.url.appending(path: "golden.safetensors"))
    }
  }

  static func all(where isWanted: (any PretrainedModel) -> Bool) -> [GoldenModel] {
    let folder = goldenFolder("models")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().map(GoldenModel.init).filter { golden in
      (try? golden.directory.model()).map(isWanted) ?? true
    }
  }

  static let all = all { _ in true }
  static let causal = all { $0 is any LanguageModel }
}

@Suite struct FamilyTests {
  /// What differs from Hugging Face's numbers, as sentences.
  static func failures(_ golden: GoldenModel, on device: any Device) throws -> [String] {
    let numbers = try golden.numbers
    func data(_ name: String) throws -> TensorData {
      guard let found = try numbers[name] else { throw UserError("no golden tensor \(name)") }
      return found
    }
    let model = try golden.directory.model()
    let store = VariableStore(on: device, seed: 1)
    try golden.directory.load(model, into: store, prefix: "model")

    let feeds: [Feed] = try ["tokens", "labels", "types", "lengths", "weight"].compactMap { name in
      try numbers[name].map { (Tensor.input(name, $0.type), try data(name)) }
    }
    func feed(_ index: Int) -> Tensor { feeds[index].tensor }
    var outputs: [(name: String, value: Tensor)]
    let loss: Tensor
    switch model {
    case let model as any LanguageModel:
      let states = model.hiddenStates(feed(0), .init(wholeSequences: feed(0)))
      let logits = model.logits(feed(0))
      outputs = states.enumerated().map { ("hidden.\($0)", $1) } + [("logits", logits)]
      let count = Float(feeds[1].data.type.elementCount)
      loss = logits.crossEntropy(labels: feed(1)).sum() * (1 / count)
    case let model as any Encoder:
      // Positions beyond a sequence's length hold anything: they are set to zero on both sides.
      let (types, lengths, weight) = (feed(1), feed(2), feed(3))
      let (b, t) = (types.shape[0], types.shape[1])
      let mask = try data("lengths").integers.flatMap { n in (0..<t).map { $0 < n ? Float(1) : 0 } }
      let counted = Tensor.constant(TensorData([b, t, 1], mask))
      let states = model.hiddenStates(feed(0), types: types, lengths: lengths)
      let last = states[states.count - 1]
      let result = model.maskedLogits(last) ?? last
      outputs = states.enumerated().map { ("hidden.\($0)", $1 * counted) }
      outputs.append(("result", result * counted))
      loss = (result * weight).sum()
    default: throw UserError("\(golden) is of no kind that is tested")
    }
    let parameters = model.parameters()
    outputs += zip(parameters, gradients(of: loss, withRespectTo: parameters.map(\.tensor)))
      .map { ("gradient." + model.storedName($0.name), $1) }
    let executor = try GraphExecutor(Graph(outputs: outputs.map(\.value)), on: store)
    for feed in feeds { try executor.set(feed.tensor, to: feed.data) }
    try executor.run()

    // What is zero but for rounding, as the gradient of a key's bias is, is judged by the size of all.
    let whole = try parameters.map { try data("gradient." + model.storedName($0.name)).floats }
      .joined().reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    var failures: [String] = []
    for (name, value) in outputs {
      let (got, expected) = (try executor.value(of: value), try data(name))
      guard got.type == expected.type else {
        failures.append("\(name) is \(got.type), not \(expected.type)")
        continue
      }
      if name.hasPrefix("gradient.") {
        let difference = zip(got.floats, expected.floats).map { Double($0 - $1) }
        let error = difference.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let size = expected.floats.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        if !(error <= 1e-4 * size || error <= 1e-6 * whole) {
          failures.append("\(name): error \(error) in \(size)")
        }
      } else {
        let error = zip(got.floats, expected.floats).map { abs($0 - $1) }.max() ?? .infinity
        if !(error <= 1e-4) { failures.append("\(name): largest difference \(error)") }
      }
    }
    return failures
  }

  @Test func everyFamilyIsHere() throws {
    let types = Set(try GoldenModel.all.map { try $0.directory.model().modelType })
    #expect(
      types == [
        "gpt2", "llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "bert",
        "distilbert",
      ])
  }

  @Test(arguments: GoldenModel.all) func referenceAgreesWithHuggingFace(golden: GoldenModel) throws
  {
    let failures = try Self.failures(golden, on: ReferenceDevice())
    #expect(failures.isEmpty, "\(failures)")
  }

  @Test(arguments: Target.all.filter { $0.family == .cpu })
  func kernelsAgreeWithHuggingFace(target: Target) throws {
    let device = try target.open()
    // One of each family, with what only it has; the reference has all.
    let names = target.share(of: [
      "gpt2-tied", "llama-biases", "qwen3", "llama-llama3", "bert-masked", "distilbert",
      "mistral-window", "qwen2-tied", "gemma2", "gemma3",
    ])
    for golden in GoldenModel.all where names.contains(golden.name) {
      let failures = try Self.failures(golden, on: device)
      #expect(failures.isEmpty, "\(golden): \(failures)")
    }
  }
}
