// `retort embed`
import ArgumentParser
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Tokenizers

struct Embed: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the embeddings of sentences.",
    discussion: """
      Every line of the input is a sentence. An output that ends in .jsonl has an object with `text` \
      and `embedding` per line; any other is in safetensors format: `embeddings` float32 [N, C]. \
      Pooling and length follow the files of `sentence-transformers` beside the model.
      """)

  @Option(help: "The folder of the model.")
  var model: String

  @Option(help: "A file with one sentence per line.")
  var input: String

  @Option(help: "The file to write, .safetensors or .jsonl.")
  var output: String

  @Option(help: "Sentences per batch.")
  var batchSize = 32

  @OptionGroup var device: DeviceOptions

  func validate() throws {
    guard batchSize > 0 else { throw ValidationError("--batch-size must be at least 1.") }
  }

  func run() throws {
    let directory = ModelDirectory(URL(fileURLWithPath: model))
    let encoder = try SentenceEncoder(directory)
    let tokenizer = try TokenizerDirectory(directory.url).tokenizer
    guard let data = FileManager.default.contents(atPath: input) else {
      throw StorageError("Cannot read \(input): there is no such file, or it is not readable.")
    }
    var sentences = String(decoding: data, as: UTF8.self).replacing("\r\n", with: "\n")
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if sentences.last?.isEmpty == true { sentences.removeLast() }
    guard !sentences.isEmpty else { throw StorageError("\(input) has no lines.") }
    let store = VariableStore(on: try device.open(), seed: 1)
    try directory.load(encoder.encoder, into: store, prefix: "model")
    let embedder = SentenceEmbedder(
      encoder, tokenizer, store: store, batchSize: min(batchSize, sentences.count))
    let progress = ProgressLine()
    let clock = ContinuousClock.now
    func seconds() -> Double { (ContinuousClock.now - clock).seconds }
    let embeddings = try embedder.embed(sentences) { done in
      progress.show(
        "sentences", done: done, of: sentences.count, seconds: seconds(), doneHere: done, "")
    }
    progress.end()
    let url = URL(fileURLWithPath: output)
    let width = encoder.encoder.width
    if url.pathExtension == "jsonl" {
      try WholeFile.write(to: url) { file in
        for (sentence, embedding) in zip(sentences, embeddings) {
          let line = JSONObject([("text", sentence), ("embedding", embedding.map(Double.init))])
          try file.write(contentsOf: Data((line.json + "\n").utf8))
        }
      }
    } else {
      try Safetensors.write(
        [("embeddings", TensorData([embeddings.count, width], embeddings.flatMap { $0 }))], to: url)
    }
    print(
      "\(output): \(grouped(embeddings.count)) sentences, \(width) numbers each, "
        + "\(fixed(Double(embeddings.count) / max(seconds(), 1e-9), 0)) sentences/s")
  }
}
