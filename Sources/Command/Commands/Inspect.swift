// `retort inspect`
import ArgumentParser
import Base
import Foundation
import Layers
import Models
import OpenCL
import OpenCLBackend
import Storage
import Tensors
import Tokenizers

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a model's folder holds, and where it can run or be trained.",
    discussion: """
      Memory to run is the weights in float32, a cache of keys and values for one text as long as the \
      sequence, and a pass over one token; to train it is the weights, the optimizer's moments and a \
      step's plan for the batch.
      """)

  @Argument(help: "The model: a folder, or a GGUF file.")
  var folder: String

  @Option(help: "Tokens per sequence, for the memory that is needed.")
  var sequenceLength = 128

  @Option(help: "Sequences per batch, for the memory that is needed to train.")
  var batchSize = 8

  @Option(
    help: ArgumentHelp(
      "Say which ways to train a language model fit so much memory, such as 8GiB, and the command for the first that does.",
      valueName: "size"))
  var deviceMemory: MemorySize?

  @Option(
    help: ArgumentHelp(
      "With --device-memory: the teacher of a distillation, a folder or a GGUF file; both are counted.",
      valueName: "model"))
  var teacher: String?

  func validate() throws {
    if teacher != nil && deviceMemory == nil {
      throw ValidationError(
        "--teacher needs --device-memory: together they say what a distillation takes.")
    }
    try requireCount(sequenceLength, "sequence-length")
    try requireCount(batchSize, "batch-size", to: 1 << 16)
  }

  @OptionGroup var results: ResultOptions

  func run() throws {
    let directory = ModelDirectory(URL(fileURLWithPath: folder))
    if let deviceMemory {
      return try TrainingWaysReport(
        directory, named: folder, taughtBy: teacher, batchSize: batchSize, length: sequenceLength,
        in: deviceMemory
      ).tell(asJSON: results.json)
    }
    let model = try directory.model()
    let whole = try directory.whole
    let adapter = try AdapterConfiguration(in: directory.url)
    let file = try directory.weights()
    try directory.check(model)
    let fields = model.configurationFields.filter { $0.key != "initializer_range" }
    let stored = Set(file.names.compactMap { file.entry(named: $0)?.dtype }).sorted()
    let bytes = file.files.reduce(0) { $0 + $1.entries.reduce(0) { $0 + $1.byteCount } }
    let tokenizer = Result { try TokenizerFacts(directory.url) }
    let groups = Self.parameterGroups(model)
    let needs = try memoryNeeds(of: model)
    guard !results.json else {
      try tell(
        json: JSONObject([
          ("architecture", model.architecture), ("model_type", model.modelType),
          (
            "adapter",
            adapter.map {
              JSONObject([
                ("rank", $0.rank), ("scale", Double($0.scale)), ("base", $0.base.path),
              ])
            }
          ),
          ("configuration", JSONObject(fields.map { ($0.key, $0.value) })),
          (
            "weights",
            JSONObject([("types", stored), ("bytes", bytes), ("files", file.files.count)])
          ),
          ("tokenizer", (try? tokenizer.get())?.json), ("parameters", model.parameterCount),
          ("tensors", groups.map(\.json)), ("devices", needs.map(\.json)),
        ]))
      return
    }
    try tell("\(folder): \(model.architecture), \(model.modelType)")
    if let adapter {
      try tell(
        prose:
          "an adapter of rank \(adapter.rank), times \(adapter.scale), for \(whole.url.path), which is what stands below"
      )
    }
    for (key, value) in fields { try tell("  \(key): \(value.line)") }
    try tell(
      "weights: \(stored.joined(separator: ", ")), \(mebibytes(bytes)) in "
        + "\(file.files.count == 1 ? "one file" : "\(file.files.count) files")")
    switch tokenizer {
    case .success(let facts): try tell(prose: facts.sentence(rows: model.tokenRows))
    case .failure(let error): try tell(prose: "tokenizer: \(error)")
    }
    let all = ["all", "", "\(model.parameters().count)", grouped(model.parameterCount)]
    try tell(
      "\n" + table([["parameter", "shape", "tensors", "numbers"]] + groups.map(\.cells) + [all])
        + "\n")
    let length = min(sequenceLength, model.tokenLimit)
    try tell(
      table(
        [
          [
            "device", "memory", "to run", "to train, batch of \(batchSize) x \(length)",
            "values computed again", "so, adapter of rank 16",
          ]
        ]
          + needs.map(\.cells)))
  }

  /// Parameters with the layers' numbers left out.
  private static func parameterGroups(_ model: any PretrainedModel) -> [ParameterGroup] {
    var groups: [ParameterGroup] = []
    var places: [String: Int] = [:]
    for (name, tensor) in model.parameters() {
      let general = name.split(separator: ".").map { Int($0) == nil ? String($0) : "*" }
        .joined(separator: ".")
      if let place = places[general] {
        groups[place].count += 1
      } else {
        places[general] = groups.count
        groups.append(ParameterGroup(name: general, shape: tensor.shape, count: 1))
      }
    }
    return groups
  }

  /// What running and training the model takes on each device.
  private func memoryNeeds(of model: any PretrainedModel) throws -> [MemoryNeed] {
    let length = min(sequenceLength, model.tokenLimit)
    let weights = model.parameterCount * 4
    let devices: [any Device] =
      try availableDevices().map { try OpenCLDevice($0) } + [ReferenceDevice()]
    return devices.map { device in
      var again = GraphExecutor.Options()
      again.recomputation = .all
      func need(
        _ graph: () throws -> Graph, _ more: Int, _ options: GraphExecutor.Options = .init()
      )
        -> Int?
      {
        (try? GraphExecutor.byteCount(of: graph(), on: device, options: options)).map { $0 + more }
      }
      let adapter = try? Adapter(of: model, .init())
      return MemoryNeed(
        device: device.name, memory: device.traits.memoryBytes,
        isHost: device is ReferenceDevice, running: need({ Self.running(model, length) }, weights),
        // Two moments per weight.
        training: need({ Self.training(model, batchSize, length) }, 3 * weights),
        recomputing: need({ Self.training(model, batchSize, length) }, 3 * weights, again),
        adapter: adapter.flatMap { adapter in
          need(
            { Self.training(model, batchSize, length, adapter) },
            weights + 12 * adapter.parameterCount, again)
        })
    }
  }

  private static func running(_ model: any PretrainedModel, _ length: Int) -> Graph {
    let single = TensorType([1, 1], .int32)
    guard let model = model as? any LanguageModel else {
      return Graph(outputs: [
        encoderStates(model, .input("tokens", TensorType([1, length], .int32)))
      ])
    }
    let row = TensorType([1], .int32)
    let cache = KeyValueCache(capacity: length)
    let context = AttentionContext(
      in: cache, positions: .input("positions", single), starts: .input("starts", row),
      lengths: .input("lengths", row))
    let hidden = model.hidden(.input("tokens", single), context)
    // The cache's variables count as outputs, so that they are part of the plan.
    return Graph(
      outputs: [model.head.logits(hidden)]
        + context.assignments.map(\.value))
  }

  private static func training(
    _ model: any PretrainedModel, _ batch: Int, _ length: Int, _ adapter: Adapter? = nil
  ) -> Graph {
    let tokens = Tensor.input("tokens", TensorType([batch, length], .int32))
    var loss: Tensor
    if let model = model as? any LanguageModel {
      loss =
        LinearLoss.crossEntropy(
          hidden: model.hidden(tokens), head: model.head,
          labels: .input("labels", tokens.type)
        ).sum()
    } else {
      loss = encoderStates(model, tokens).sumOfSquares()
    }
    var parameters = model.parameters().map(\.tensor)
    if let adapter {
      loss = adapter.applied(to: [loss])[0]
      parameters = adapter.parameters(prefix: "").map(\.tensor)
    }
    return Graph(
      outputs: [loss] + gradients(of: loss, withRespectTo: parameters), forward: [loss])
  }

  private static func encoderStates(_ model: any PretrainedModel, _ tokens: Tensor) -> Tensor {
    guard let encoder = model as? any Encoder else {
      fatal("a model is a language model or an encoder")
    }
    let states = encoder.hiddenStates(
      tokens, types: .constant(TensorData(zeros: tokens.type)),
      lengths: .input("lengths", TensorType([tokens.shape[0]], .int32)))
    return states[states.count - 1]
  }
}
