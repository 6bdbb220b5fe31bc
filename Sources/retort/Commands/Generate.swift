// `retort generate`
import ArgumentParser
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Tokenizers

struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continue a text with a model.",
    discussion: "Example: retort generate --model runs/latest/student --prompt 'The truth is'")

  @Option(help: "The folder of the model.")
  var model: String

  @Option(help: "The text to continue; empty starts a new entry.")
  var prompt = ""

  @Option(help: "The most tokens to draw.")
  var count = 200

  @Option(help: "0 takes the likeliest token; higher is more varied.")
  var temperature: Float = 0.7

  @Option(help: "The seed of the draws.")
  var seed: UInt32 = 1

  @OptionGroup var device: DeviceOptions

  func validate() throws {
    guard count > 0 else { throw ValidationError("--count must be at least 1.") }
    guard temperature >= 0 else { throw ValidationError("--temperature must be at least 0.") }
  }

  func run() throws {
    let directory = ModelDirectory(URL(fileURLWithPath: model))
    let model = try directory.languageModel()
    try requireByteTokenizer(directory)
    let store = VariableStore(on: try device.open(), seed: 1)
    try directory.load(model, into: store, prefix: "model")
    let generator = try Generator(model, contextLength: model.contextLength, store: store)
    let tokenizer = ByteTokenizer()
    let start = [ByteTokenizer.endOfText] + tokenizer.encode(prompt)
    let output = FileHandle.standardOutput
    var pending: [UInt8] = []
    try output.write(contentsOf: Data(prompt.utf8))
    var failure: (any Error)?
    _ = try generator.generate(
      start, count: count, temperature: temperature, seed: seed, end: ByteTokenizer.endOfText
    ) { token in
      // A character is written when its last byte is there, or can no longer come.
      pending.append(UInt8(token))
      let text = String(decoding: pending, as: UTF8.self)
      if text.hasSuffix("\u{FFFD}"), pending.count < 4 { return }
      pending = []
      do { try output.write(contentsOf: Data(text.utf8)) } catch { failure = error }
    }
    let rest = String(decoding: pending, as: UTF8.self) + "\n"
    try output.write(contentsOf: Data(rest.utf8))
    if failure != nil { throw StorageError("The text could not be written to standard output.") }
  }
}
