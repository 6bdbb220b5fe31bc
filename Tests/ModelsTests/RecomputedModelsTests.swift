// What computing values again saves in models of several families, by their plans alone.
import Checks
import Layers
import Models
import Tensors
import Testing

@Suite struct RecomputedModelsTests {
  private static let llama = LlamaConfiguration(
    vocabularySize: 257, width: 128, intermediateWidth: 344, layerCount: 6, headCount: 4,
    keyValueHeadCount: 2, contextLength: 128)

  /// Without code in models: blocks are found in the graph, two for each layer.
  @Test(arguments: ["llama", "gpt2-tied", "gemma2", "gemma3", "qwen3"]) func blocksAreFound(
    name: String
  ) throws {
    let model =
      try name == "llama" ? Llama(Self.llama) : GoldenModel(name: name).directory.languageModel()
    let layers = Set(
      model.parameters().flatMap { $0.name.split(separator: ".").compactMap { Int($0) } }
    ).count
    let tokens = Tensor.input("tokens", TensorType([8, 64], .int32))
    let loss = LinearLoss.crossEntropy(
      hidden: model.hidden(tokens), head: model.head, labels: .input("labels", tokens.type)
    ).sum()
    let slopes = gradients(of: loss, withRespectTo: model.parameters().map(\.tensor))
    let graph = Graph(outputs: [loss] + slopes, forward: [loss])
    func executor(_ options: GraphExecutor.Options, memory: Int = 1 << 40) throws -> GraphExecutor {
      let device = PlanningDevice(ReferenceDevice(memoryBytes: memory))
      let store = VariableStore(on: device, seed: 1)
      try model.declare(in: store)
      return try GraphExecutor(graph, on: store, options: options)
    }
    var again = GraphExecutor.Options()
    again.recomputation = .all
    let (plain, all) = try (executor(.init()), executor(again))
    let found = try #require(all.recomputed)
    #expect("\(found)".hasPrefix("\(2 * layers) of \(2 * layers) blocks"), "\(found)")
    #expect(found.arithmetic <= 1.35)
    #expect(all.plan.peak < plain.plan.peak)
    // So they are where values lie in 16 bits, and where a plan alone is asked whether it fits.
    var narrow = GraphExecutor.Options(storage: .bfloat16)
    narrow.recomputation = .all
    #expect("\(try #require(try executor(narrow).recomputed))".hasPrefix("\(2 * layers) of"))
    var auto = GraphExecutor.Options()
    auto.recomputation = .auto
    let weights = 4 * model.parameterCount
    let room = weights + (plain.plan.peak + all.plan.peak) / 2
    #expect(try executor(auto, memory: room * 16 / 15 + (1 << 16)).recomputed != nil)
    #expect(try executor(auto, memory: 1 << 40).recomputed == nil)
    // Two layers have little to save; six leave 40 %.
    if layers == 6 { #expect(all.plan.peak < plain.plan.peak * 4 / 10) }
  }
}
