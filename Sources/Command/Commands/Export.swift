// `retort export`
import ArgumentParser
import Base
import Experiments
import Foundation
import Models
import Storage
import Tensors
import Training

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model's folder again, to keep or to publish: its weights stored otherwise.",
    discussion: """
      Weights in any of F32, F16 and BF16, in one file or in shards, become weights of the wanted type. \
      The tokenizer's and other JSON files are kept. `transformers` loads the folder.

      A model of a run has `lineage.json` and `model.cdx.json` beside it, which are written anew for the new files. Where \
      terms of the models that it comes from ask for a name, or for a licence beside it, a folder without is refused.
      """)

  @Option(help: "The folder of the model.")
  var model: String

  @Option(help: "The folder to write; it must not exist.")
  var output: String

  @Option(help: "How weights are stored: fp32, bf16 or fp16.")
  var precision = Precision.fp32

  @Option(help: "The most megabytes of a file; larger models are written in shards.")
  var shardMegabytes = 5000

  @Option(
    name: .customLong("licence"),
    help: ArgumentHelp(
      "The text of a licence that goes with the model, by the name of the terms that ask for it.",
      valueName: "terms=file"))
  var licences: [String] = []

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
    var options = ModelDirectory.Export()
    let lineage = Lineage(in: source.url)
    options.files =
      try lineage?.licences(
        for: target.url.lastPathComponent, given: try givenLicences(), in: source.url) ?? []
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    try source.loadFrozen(model, into: store, prefix: "model")
    options.elementType = precision.storage
    options.source = source
    options.shardBytes = shardMegabytes * 1_000_000
    let card = source.url.appending(path: "README.md")
    if FileManager.default.fileExists(atPath: card.path) {
      options.card = try String(contentsOfText: card)
    }
    options.files += ModelOrigin.licenceTexts(in: source.url)
    let whole = try source.whole
    let isAdapter = whole.url != source.url
    if isAdapter { options.card = ModelCard.merged(options.card) }
    if var lineage {
      let name = target.url.lastPathComponent
      if isAdapter {
        let (now, changed) = try lineage.withBase(in: whole.url, FileHashes())
        if !changed.isEmpty {
          note(
            "warning: \(whole.url.path) is not what the adapter was trained for: \(changed.joined(separator: ", ")) changed since. The "
              + "lineage names what is merged now.")
        }
        lineage = now
      }
      options.records = { [lineage] in try lineage.describing($0, as: name).records }
    }
    try target.save(model, from: store, prefix: "model", options)
    try tell("\(output): \(counted(model.parameterCount, "parameter")) in \(precision.rawValue)")
    for (terms, duty) in lineage?.duties ?? [] { note("\(terms): \(duty)") }
  }

  /// The texts that were named, by the terms that they belong to.
  private func givenLicences() throws -> [String: String] {
    var texts: [String: String] = [:]
    for licence in licences {
      let parts = licence.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else {
        throw ValidationError(
          "--licence takes the name of terms, '=' and a file, not '\(licence)'.")
      }
      let text = try String(contentsOfText: URL(fileURLWithPath: parts[1]))
      guard text.contains(where: { !$0.isWhitespace }) else {
        throw UserError("\(parts[1]) is empty, and no licence.")
      }
      texts[parts[0]] = text
    }
    return texts
  }
}

extension Precision: ExpressibleByArgument {}
