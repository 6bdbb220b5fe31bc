// `retort logits`
import ArgumentParser
import Base
import Foundation
import Models
import Storage
import Tensors
import Tokenizers

struct Logits: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model's logits for one text.",
    discussion: """
      The file is in safetensors format: `tokens` int32 [T]; `logits` float32 [T, V], where the model \
      has a head; with --hidden-states `hidden.0` (the embedding) to `hidden.N` [T, C], the last one \
      as the head reads it. Models that read in both directions are taken as well.
      """)

  @Option(help: "The model: a folder, or a GGUF file.")
  var model: String

  @Option(help: "Ids with commas between them, as 1,2,3.")
  var tokens: String?

  @Option(help: "A text, in place of ids; special tokens are put around it.")
  var text: String?

  @Option(help: "The file to write.")
  var output: String

  @Flag(help: "Replace the output, whatever it holds.")
  var overwrite = false

  @Flag(help: "Write what every layer gives, too.")
  var hiddenStates = false

  @OptionGroup var device: DeviceOptions

  func validate() throws {
    guard (tokens == nil) != (text == nil) else {
      throw ValidationError("Give either --tokens or --text.")
    }
  }

  func run() throws {
    let target = URL(fileURLWithPath: output)
    try requireReplaceable(target, writtenBy: "logits", overwrite: overwrite)
    let directory = ModelDirectory(URL(fileURLWithPath: model))
    let model = try directory.model()
    let ids = try ids(directory)
    guard let largest = ids.max(), let smallest = ids.min(), smallest >= 0,
      Int(largest) < model.tokenRows
    else {
      throw ValidationError(
        text == nil
          ? "Ids must be from 0 to \(model.tokenRows - 1)."
          : "The tokenizer gives the text ids up to \(ids.max() ?? 0); the model has \(model.tokenRows)."
      )
    }
    guard ids.count <= model.tokenLimit else {
      throw ValidationError(
        "\(ids.count) tokens do not fit into a context of \(model.tokenLimit).")
    }
    let store = VariableStore(on: try device.open(), seed: 1)
    try directory.loadFrozen(model, into: store, prefix: "model")
    let data = TensorData([1, ids.count], ids)
    let input = Tensor.input("tokens", data.type)
    let states: [Tensor]
    let logits: Tensor?
    switch model {
    case let model as any LanguageModel:
      states = model.hiddenStates(input, .init(wholeSequences: input))
      logits = model.logits(input)
    case let model as any Encoder:
      states = model.hiddenStates(
        input, types: .constant(TensorData(zeros: data.type)),
        lengths: .constant(TensorData([1], [Int32(ids.count)])))
      logits = model.maskedLogits(states[states.count - 1])
    default: throw UserError("\(directory.url.path) holds a model without logits.")
    }
    guard logits != nil || hiddenStates else {
      throw UserError(
        "\(directory.url.path) holds a model without a head; --hidden-states writes what it gives.")
    }
    var outputs = logits.map { [("logits", $0)] } ?? []
    if hiddenStates { outputs += states.enumerated().map { ("hidden.\($0)", $1) } }
    let executor = try GraphExecutor(Graph(outputs: outputs.map(\.1)), on: store)
    try executor.set(input, to: data)
    try executor.run()
    let tensors = try outputs.map { name, tensor in
      let value = try executor.value(of: tensor)
      if let place = value.firstNotFinite {
        throw UserError.notFinite("The numbers \(name) of position \(place / tensor.shape[2])")
      }
      return (name, value.reshaped(to: [ids.count, tensor.shape[2]]))
    }
    try Safetensors.write(
      [("tokens", data.reshaped(to: [ids.count]))] + tensors, metadata: writer("logits"), to: target
    )
    try tell(
      ofOutput: target,
      "\(output): \(ids.count) tokens, "
        + tensors.map { "\($0) \($1.shape)" }.joined(separator: ", "))
  }

  private func ids(_ directory: ModelDirectory) throws -> [Int32] {
    if let text {
      let ids = try TokenizerDirectory(directory.url).tokenizer.encode(text)
      guard !ids.isEmpty else { throw ValidationError("The text has no tokens.") }
      return ids
    }
    return try tokenIds(tokens ?? "")
  }
}
