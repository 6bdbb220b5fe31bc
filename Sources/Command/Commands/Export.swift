// `retort export`
import ArgumentParser
import Base
import Foundation
import Models
import Storage
import Tensors
import Training

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model's folder again, with its weights stored otherwise.",
    discussion: """
      Weights in any of F32, F16 and BF16, in one file or in shards, become weights of the wanted type. \
      The tokenizer's and other JSON files are kept. `transformers` loads the folder.
      """)

  @Option(help: "The folder of the model.")
  var model: String

  @Option(help: "The folder to write; it must not exist.")
  var output: String

  @Option(help: "How weights are stored: fp32, bf16 or fp16.")
  var precision = Precision.fp32

  @Option(help: "The most megabytes of a file; larger models are written in shards.")
  var shardMegabytes = 5000

  func validate() throws {
    try requireCount(shardMegabytes, "shard-megabytes")
  }

  func run() throws {
    let source = ModelDirectory(URL(fileURLWithPath: model))
    let target = ModelDirectory(URL(fileURLWithPath: output))
    guard !FileManager.default.fileExists(atPath: target.url.path) else {
      throw UserError("\(output) exists already.")
    }
    let model = try source.model()
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    try source.loadFrozen(model, into: store, prefix: "model")
    var options = ModelDirectory.Export()
    options.elementType = precision.storage
    options.source = source
    options.shardBytes = shardMegabytes * 1_000_000
    let card = source.url.appending(path: "README.md")
    if FileManager.default.fileExists(atPath: card.path) {
      options.card = try String(contentsOfText: card)
    }
    try target.save(model, from: store, prefix: "model", options)
    try tell("\(output): \(counted(model.parameterCount, "parameter")) in \(precision.rawValue)")
  }
}

extension Precision: ExpressibleByArgument {}
