// Weights that nobody trains: in their file's type, read once, shared.
import Checks
import Foundation
import Models
import Storage
import Testing

@testable import Tensors

@Suite struct FrozenWeightsTests {
  private let folder = try? TemporaryFolder()

  /// A golden model's folder with its weights in another type.
  private func exported(_ golden: GoldenModel, as type: ElementType) throws -> ModelDirectory {
    let model = try golden.directory.model()
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    try golden.directory.load(model, into: store, prefix: "model")
    let target = ModelDirectory(
      try #require(folder).url.appending(path: "\(golden.name)-\(type.name)"))
    var options = ModelDirectory.Export()
    options.elementType = type
    options.source = golden.directory
    try target.save(model, from: store, prefix: "model", options)
    return target
  }

  /// What a model gives for some tokens: its last hidden states, and logits of a language model.
  private func outputs(
    _ model: any PretrainedModel, _ store: VariableStore, _ storage: ElementType
  ) throws -> [TensorData] {
    let tokens = Tensor.input("tokens", TensorType([2, 6], .int32))
    var outputs: [Tensor] = []
    if let model = model as? any LanguageModel {
      outputs = [model.hidden(tokens), model.logits(tokens)]
    } else if let model = model as? any Encoder {
      let lengths = Tensor.constant(TensorData([2], [6, 4] as [Int32]))
      outputs = model.hiddenStates(tokens, types: tokens, lengths: lengths).suffix(1)
    }
    let executor = try GraphExecutor(
      Graph(outputs: outputs), on: store, options: .init(storage: storage))
    try executor.set(
      tokens, to: TensorData([2, 6], [1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1] as [Int32]))
    try executor.run()
    return try outputs.map { try executor.value(of: $0) }
  }

  /// Holds a model's frozen weights against the same weights in float32.
  private func check(_ golden: GoldenModel, _ type: ElementType, on device: any Device) throws {
    let directory = try exported(golden, as: type)
    let (model, same) = (try directory.model(), try directory.model())
    let (wide, frozen) = (VariableStore(on: device, seed: 1), VariableStore(on: device, seed: 1))
    try directory.load(model, into: wide, prefix: "model")
    let fingerprint = try directory.loadFrozen(same, into: frozen, prefix: "model")
    #expect(try fingerprint == directory.fingerprint())
    for storage in [ElementType.float32, .bfloat16] {
      #expect(
        try outputs(model, wide, storage) == outputs(same, frozen, storage),
        "\(golden), \(type), \(storage)")
    }
    for entry in frozen.entries {
      let (type, known) = (entry.tensor.type, try #require(wide.entry(named: entry.name)))
      #expect(entry.byteCount == type.elementCount * (type.shape.rank > 1 ? 2 : 4))
      #expect(try entry.value() == known.value())
    }
    // A plan counts as much, and reads no weights.
    let planned = VariableStore(on: PlanningDevice(device), seed: 1)
    #expect(try directory.loadFrozen(try directory.model(), into: planned, prefix: "m") == nil)
    #expect(planned.byteCounts() == frozen.byteCounts())
  }

  @Test(arguments: GoldenModel.all) func matricesIn16BitsGiveTheSameBits(golden: GoldenModel) throws
  {
    for type in [ElementType.bfloat16, .float16] {
      try check(golden, type, on: ReferenceDevice())
    }
  }

  @Test(arguments: Target.all) func kernelsReadThem(target: Target) throws {
    let settings: [(String, ElementType)] = [
      ("qwen2-tied", .bfloat16), ("gpt2-tied", .float16), ("bert", .bfloat16),
      ("llama-untied", .float16),
    ]
    for (name, type) in target.share(of: settings) {
      try check(try #require(GoldenModel.all.first { $0.name == name }), type, on: target.open())
    }
  }

  @Test func aModelIsReadOnceAndLiesInMemoryOnce() throws {
    let golden = try #require(GoldenModel.all.first { $0.name == "qwen2-tied" })
    let directory = try exported(golden, as: .bfloat16)
    let model = try directory.languageModel()
    let weights = FrozenWeights(on: ReferenceDevice())
    let first = try weights.load(model, from: directory, as: "teacher")
    // Whoever asks again gets what is there.
    try FileManager.default.removeItem(at: directory.url)
    #expect(try weights.load(model, from: directory, as: "teacher") == first)
    let (one, other) = (weights.sharing(seed: 1), weights.sharing(seed: 2))
    #expect(try outputs(model, one, .float32) == outputs(model, other, .float32))
    #expect(one.entries.isEmpty && one.byteCounts() == weights.store.byteCounts())
    #expect(Set(one.byteCounts().keys) == [.frozen])
    let entry = try #require(one.entry(named: "teacher.model.norm.weight"))
    #expect(other.entry(entry.tensor)?.buffer === entry.buffer)
  }
}
