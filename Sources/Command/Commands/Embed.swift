// `retort embed`
import ArgumentParser
import Base
import Foundation
import Models
import Sentences
import Storage
import Tensors
import Text
import Tokenizers

struct Embed: TalkativeCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the embeddings of sentences.",
    discussion: """
      Every line of a text is a sentence, and the `text` of every object of JSON lines, JSON, CSV or TSV. \
      An output that ends in .jsonl has an object with `text` and `embedding` per line; any other is in safetensors format: `embeddings` float32 [N, C]. \
      Pooling and length follow the files of `sentence-transformers` beside the model.
      """)

  @Option(help: "The model: a folder, or a GGUF file.")
  var model: String

  @Option(help: "A file of sentences, or - for standard input.")
  var input: String

  @OptionGroup var fields: FieldOptions

  @Option(help: "The file to write, .safetensors or .jsonl.")
  var output: String

  @Flag(help: "Replace the output, whatever it holds.")
  var overwrite = false

  @Option(help: "Sentences per batch.")
  var batchSize = 32

  @OptionGroup var device: DeviceOptions
  @OptionGroup var messages: MessageOptions

  func validate() throws { try requireCount(batchSize, "batch-size") }

  func run() throws {
    Interrupt.install()
    let directory = ModelDirectory(URL(fileURLWithPath: model))
    let encoder = try SentenceEncoder(directory)
    let tokenizer = try TokenizerDirectory(directory.url).tokenizer
    let sentences = try DataEntry.texts(
      DataEntry.read([input], fields: fields.names(), cut: .lines))
    let source = URL(fileURLWithPath: input)
    let target = URL(fileURLWithPath: output)
    guard !target.isSameFile(as: source) else {
      throw ValidationError("--output must not be the file of --input.")
    }
    // Sentences of similar length share batches, within parts that are written as they end.
    let part = batchSize * 8
    let vectors = try EmbeddingFile(
      target, sentences, part: part, width: encoder.width,
      job: try job(directory, sentences), overwrite: overwrite)
    let store = VariableStore(on: try device.open(), seed: 1)
    try directory.loadFrozen(encoder.encoder, into: store, prefix: "model")
    let embedder = SentenceEmbedder(
      encoder, tokenizer, store: store, batchSize: min(batchSize, sentences.count))
    let progress = ProgressLine()
    let clock = ContinuousClock.now
    func seconds() -> Double { (ContinuousClock.now - clock).seconds }
    let known = vectors.rowCount
    func interrupted(_ kept: Int) -> ExitCode {
      progress.end()
      warn(
        "Interrupted: \(grouped(kept)) of \(counted(sentences.count, "vector")) are kept. The same command goes on."
      )
      return ExitCode(130)
    }
    if known > 0 {
      note("\(grouped(known)) of \(counted(sentences.count, "vector")) are there already.")
    }
    for first in stride(from: known, to: sentences.count, by: part) {
      let rows = first..<min(sentences.count, first + part)
      let embeddings = try embedder.embed(Array(sentences[rows])) { done in
        guard !Interrupt.wasRequested else { throw interrupted(first) }
        progress.show(
          "sentences", done: first + done, of: sentences.count, seconds: seconds(),
          doneHere: first - known + done, "")
      }
      try vectors.append(zip(sentences[rows], embeddings))
    }
    try vectors.finish()
    progress.end()
    try tell(
      ofOutput: target,
      "\(output): \(counted(sentences.count, "sentence")), \(encoder.width) numbers each, "
        + "\(fixed(Double(sentences.count - known) / max(seconds(), 1e-9), 0)) sentences/s")
  }

  /// What the vectors follow from.
  private func job(_ directory: ModelDirectory, _ sentences: [String]) throws -> JSON {
    var text = Fingerprint()
    for sentence in sentences { text.add(sentence) }
    return .object(
      JSON.Object([
        ("command", .string("embed")), ("model", .string(try directory.fingerprint())),
        ("sentences", .string(text.description)), ("batch", JSON(batchSize)),
      ]))
  }
}
