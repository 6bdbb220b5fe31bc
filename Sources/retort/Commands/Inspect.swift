import ArgumentParser
// `retort inspect`
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

  @Argument(help: "The folder of the model.")
  var folder: String

  @Option(help: "Tokens per sequence, for the memory that is needed.")
  var sequenceLength = 128

  @Option(help: "Sequences per batch, for the memory that is needed to train.")
  var batchSize = 8

  func validate() throws {
    try requireCount(sequenceLength, "sequence-length")
    try requireCount(batchSize, "batch-size", to: 1 << 16)
  }

  func run() throws {
    let directory = ModelDirectory(URL(fileURLWithPath: folder))
    let model = try directory.model()
    let file = try ShardedSafetensors(folder: directory.url)
    try directory.check(model)
    try tell("\(folder): \(model.architecture), \(model.modelType)")
    for (key, value) in model.configurationFields where key != "initializer_range" {
      try tell("  \(key): \(value.line)")
    }
    let stored = Set(file.names.compactMap { file.entry(named: $0)?.dtype }).sorted()
    let bytes = file.files.reduce(0) { $0 + $1.entries.reduce(0) { $0 + $1.byteCount } }
    try tell(
      "weights: \(stored.joined(separator: ", ")), \(Self.mebibytes(bytes)) in "
        + "\(file.files.count == 1 ? "one file" : "\(file.files.count) files")")
    try printTokenizer(directory, model)
    try tell("\n" + table(Self.parameterRows(model)) + "\n")
    try printMemory(model)
  }

  private func printTokenizer(_ directory: ModelDirectory, _ model: any PretrainedModel) throws {
    let text: TokenizerDirectory
    do { text = try TokenizerDirectory(directory.url) } catch {
      try tell("tokenizer: \(error)")
      return
    }
    let size = text.tokenizer.vocabularySize
    let padding = model.vocabularySize - size
    let end = text.endOfText.flatMap(text.tokenizer.token) ?? "not said"
    var template = "none"
    if text.chatTemplateSource() != nil {
      do {
        _ = try text.chatTemplate()
        template = "yes"
      } catch { template = "refused. \(error)" }
    }
    try tell(
      "tokenizer: \(grouped(size)) tokens"
        + (padding > 0 ? ", \(padding) rows of the table are padding" : "")
        + (padding < 0 ? ", \(-padding) of which have no row in the table" : "")
        + "; end of text: \(end)"
        + "; chat template: \(template)")
  }

  /// Parameters with the layers' numbers left out: name, shape, how many, numbers.
  private static func parameterRows(_ model: any PretrainedModel) -> [[String]] {
    var order: [String] = []
    var groups: [String: (shape: Shape, count: Int)] = [:]
    for (name, tensor) in model.parameters() {
      let general = name.split(separator: ".").map { Int($0) == nil ? String($0) : "*" }
        .joined(separator: ".")
      if groups[general] == nil { order.append(general) }
      groups[general] = (tensor.shape, (groups[general]?.count ?? 0) + 1)
    }
    let rows = order.compactMap { name in
      groups[name].map { group in
        [
          name, "\(group.shape)", "\(group.count)",
          grouped(group.count * group.shape.elementCount),
        ]
      }
    }
    return [["parameter", "shape", "tensors", "numbers"]] + rows
      + [["all", "", "\(model.parameters().count)", grouped(model.parameterCount)]]
  }

  private func printMemory(_ model: any PretrainedModel) throws {
    let length = min(sequenceLength, model.contextLength)
    let weights = model.parameterCount * 4
    var rows = [["device", "memory", "to run", "to train, batch of \(batchSize) x \(length)"]]
    let devices: [any Device] =
      try availableDevices().map { try OpenCLDevice($0) } + [ReferenceDevice()]
    for device in devices {
      let memory = device.traits.memoryBytes
      func cell(_ graph: () -> Graph, _ more: Int) -> String {
        do {
          let need = try GraphExecutor.byteCount(of: graph(), on: device) + more
          return Self.mebibytes(need) + (need <= memory ? "" : ", does not fit")
        } catch { return "does not fit" }
      }
      rows.append([
        device.name.prefix(40).description,
        device is ReferenceDevice ? "the host's" : Self.mebibytes(memory),
        cell({ Self.running(model, length) }, weights),
        // Two moments per weight.
        cell({ Self.training(model, batchSize, length) }, 3 * weights),
      ])
    }
    try tell(table(rows))
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
      outputs: [hidden.matmul(model.headWeight, transposeOther: true)]
        + context.assignments.map(\.value))
  }

  private static func training(_ model: any PretrainedModel, _ batch: Int, _ length: Int) -> Graph {
    let tokens = Tensor.input("tokens", TensorType([batch, length], .int32))
    let loss: Tensor
    if let model = model as? any LanguageModel {
      loss =
        LinearLoss.crossEntropy(
          hidden: model.hidden(tokens), weight: model.headWeight,
          labels: .input("labels", tokens.type)
        ).sum()
    } else {
      loss = encoderStates(model, tokens).sumOfSquares()
    }
    let parameters = model.parameters().map(\.tensor)
    return Graph(outputs: [loss] + gradients(of: loss, withRespectTo: parameters))
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

  private static func mebibytes(_ bytes: Int) -> String {
    "\(grouped((bytes + (1 << 20) - 1) >> 20)) MiB"
  }
}
