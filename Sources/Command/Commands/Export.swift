// `retort export`
import ArgumentParser
import Base
import Experiments
import Foundation
import Models
import Storage
import Tensors
import Tokenizers
import Training

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model's folder again, to keep or to publish: its weights stored otherwise.",
    discussion: """
      Weights in any of F32, F16 and BF16, in one file or in shards, become weights of the wanted type. \
      The tokenizer's and other JSON files are kept. `transformers` loads the folder.

      A model of a run has `lineage.json` and `model.cdx.json` beside it, which are written anew for the new files. Where \
      terms of the models that it comes from ask for a name, or for a licence beside it, a folder without is refused.

      With --gguf one file is written that llama.cpp and what is built on it read, the tokenizer in it.
      """)

  @Option(help: "The model: a folder, or a GGUF file.")
  var model: String

  @OptionGroup var adapter: AdapterOptions

  @Option(help: "The folder to write, or the file with --gguf; it must not exist.")
  var output: String

  @Option(
    help: ArgumentHelp(
      "Write a GGUF file with matrices in this form: f32, f16, bf16, q8_0, q4_0, q4_1, q5_0 or q5_1.",
      valueName: "form"))
  var gguf: GGUFForm?

  @Option(help: "How the weights of a folder are stored: fp32, bf16 or fp16. (default: fp32)")
  var precision: Precision?

  @Option(
    help:
      "The most megabytes of a file of a folder; larger models are written in shards. (default: 5000)"
  )
  var shardMegabytes: Int?

  @Option(
    name: .customLong("licence"),
    help: ArgumentHelp(
      "The text of a licence that goes with the model, by the name of the terms that ask for it.",
      valueName: "terms=file"))
  var licences: [String] = []

  func validate() throws {
    try requireCount(shardMegabytes, "shard-megabytes")
    guard gguf == nil || precision == nil && shardMegabytes == nil else {
      throw ValidationError(
        "--gguf says how one file is stored; --precision and --shard-megabytes are for folders.")
    }
  }

  func run() throws {
    let source = adapter.directory(model, .file)
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
    if let gguf {
      let name = target.url.deletingPathExtension().lastPathComponent
      let text = try TokenizerDirectory(source.url, base: source.givenBase)
      try target.saveGGUF(
        model, from: store, prefix: "model", as: gguf, name: name,
        tokenizer: text.ggufMetadata(rows: model.tokenRows)
          + ModelOrigin.ggufMetadata(of: source))
      try tell(
        "\(output): \(counted(model.parameterCount, "parameter")), matrices in \(gguf.rawValue)")
      for file in options.files { note("\(file.name) must go with it: GGUF holds no other files") }
      for (terms, duty) in lineage?.duties ?? [] { note("\(terms): \(duty)") }
      return
    }
    let precision = precision ?? .fp32
    options.elementType = precision.storage
    options.source = source
    options.shardBytes = (shardMegabytes ?? 5000) * 1_000_000
    let card = source.url.appending(path: "README.md")
    if FileManager.default.fileExists(atPath: card.path) {
      options.card = try String(contentsOfText: card)
    }
    options.files += ModelOrigin.licenceTexts(in: source.url)
    if GGUF.isOne(try source.whole.url) {
      let text = try TokenizerDirectory(source.url, base: source.givenBase)
      options.files += text.allFiles
    }
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
extension GGUFForm: ExpressibleByArgument {}
