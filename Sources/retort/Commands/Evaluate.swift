// `retort evaluate`
import ArgumentParser
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Tokenizers
import Training

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a model on text.",
    discussion: """
      Prints nats per byte and bits per byte over windows of the text that do not overlap, and with
      --teacher the KL divergence from the teacher at temperature 1 and the share of tokens on
      which both agree.
      """)

  @Option(help: "The folder of the model.")
  var model: String

  @Option(help: "A text file to measure it on; may be given several times.")
  var data: [String]

  @Option(help: "The folder of a teacher to compare with.")
  var teacher: String?

  @Option(help: "Windows per batch.")
  var batchSize = 32

  @OptionGroup var device: DeviceOptions

  func validate() throws {
    guard batchSize > 0 else { throw ValidationError("--batch-size must be at least 1.") }
  }

  func run() throws {
    let store = VariableStore(on: try device.open(), seed: 1)
    func load(_ path: String, _ name: String) throws -> any LanguageModel {
      let directory = ModelDirectory(URL(fileURLWithPath: path))
      let model = try directory.languageModel()
      try requireByteTokenizer(directory)
      try directory.load(model, into: store, prefix: name)
      return model
    }
    let model = try load(self.model, "model")
    let other = try teacher.map { try load($0, "teacher") }
    let corpus = try Corpus(
      files: data.map { URL(fileURLWithPath: $0) }, heldOutShare: 0, seed: 1)
    let length = model.contextLength
    let windows = TokenWindows(
      Corpus.tokens(
        corpus.training, endOfText: ByteTokenizer.endOfText, encode: ByteTokenizer().encode),
      length: length)
    guard windows.count > 0 else {
      throw StorageError(
        "The text is smaller than one sequence: it has \(windows.tokens.count) tokens, one "
          + "sequence of this model needs \(length + 1).")
    }
    let result = try evaluate(
      model, teacher: other, on: windows, batchSize: batchSize, store: store)
    let row = VerdictRow(arm: "model", parameterCount: model.parameterCount, evaluation: result)
    print("windows of \(length) tokens, stride \(length): \(grouped(windows.count))")
    print("nats/byte        \(fixed(row.natsPerByte, 4))")
    print("bits/byte        \(fixed(row.bitsPerByte, 4))")
    if let kl = result.klToTeacher, let agreement = result.agreement {
      print("KL to teacher    \(fixed(kl, 4)) nats/byte")
      print("top-1 agreement  \(fixed(100 * agreement, 1)) %")
    }
    print("tokens/s         \(grouped(Int(result.tokensPerSecond)))")
  }
}
