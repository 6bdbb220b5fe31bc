// Embeddings of sentences, with real weights.
import Checks
import Distillation
import Foundation
import Models
import Storage
import Tensors
import Testing
import Tokenizers

@Suite struct SentenceTests {
  /// The smallest cosine between our embeddings and PyTorch's.
  private func worstCosine(_ texts: [String], _ golden: TensorData, on device: any Device) throws
    -> Double
  {
    let directory = ModelDirectory(MiniLM.folder)
    let encoder = try SentenceEncoder(directory)
    #expect(encoder.pooling == .mean && encoder.normalizes && encoder.maximumLength == 256)
    let store = VariableStore(on: device, seed: 1)
    try directory.load(encoder.encoder, into: store, prefix: "model")
    let embedder = SentenceEmbedder(
      encoder, try TokenizerDirectory(MiniLM.folder).tokenizer, store: store, batchSize: 16)
    let embeddings = try embedder.embed(texts)
    let width = golden.shape[1]
    let numbers = golden.floats
    func norm(_ x: some Sequence<Float>) -> Double {
      x.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
    return embeddings.enumerated().map { row, embedding in
      let expected = numbers[row * width..<(row + 1) * width]
      let product = zip(embedding, expected).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      return product / norm(embedding) / norm(expected)
    }.min() ?? -1
  }

  @Test(.enabled(if: MiniLM.isHere, "Scripts/minilm fetches all-MiniLM-L6-v2"))
  func aThousandSentencesLieWherePyTorchPutsThem() throws {
    let texts = goldenStrings.enumerated().filter { $0.offset % 20 == 0 }.map(\.element)
    let golden = try #require(try golden("minilm")["embeddings"])
    #expect(texts.count == 1000 && golden.shape == [1000, 384])
    let targets = Target.all.filter { $0.family == .cpu }
    for target in targets {
      #expect(try worstCosine(texts, golden, on: target.open()) > 0.99999, "\(target)")
    }
    if targets.isEmpty {
      let few = TensorData([4, 384], Array(golden.floats.prefix(4 * 384)))
      #expect(try worstCosine(Array(texts.prefix(4)), few, on: ReferenceDevice()) > 0.99999)
    }
  }

  @Test func realWeightsAreHereWhereTheyAreRequired() {
    let isRequired = ProcessInfo.processInfo.environment["CI"] == "true"
    #expect(MiniLM.isHere || !isRequired, "run Scripts/minilm")
  }

  @Test func longSentencesKeepTheTokenThatEndsThem() throws {
    let bert = try Tokenizer(contentsOf: goldenFolder("tokenizers/bert.json"))
    let text = String(repeating: "word ", count: 50)
    let (whole, cut) = (
      try bert.encode(text), try SentenceEmbedder.ids(text, bert, maximumLength: 10)
    )
    #expect(cut.count == 10 && cut.last == whole.last && cut.prefix(9) == whole.prefix(9))
  }

  @Test func poolingFollowsTheFiles() throws {
    let folder = try TemporaryFolder()
    let directory = ModelDirectory(try folder.copy(of: "bert"))
    #expect(try SentenceEncoder(directory).normalizes)
    try folder.write(
      #"[{"type": "sentence_transformers.models.Transformer", "path": ""}, {"type": "a.Pooling", "path": "1_Pooling"}]"#,
      to: "bert/modules.json")
    try folder.write(
      #"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#,
      to: "bert/1_Pooling/config.json")
    let encoder = try SentenceEncoder(directory)
    #expect(encoder.pooling == .first && !encoder.normalizes)
    try folder.write(#"{"pooling_mode_max_tokens": true}"#, to: "bert/1_Pooling/config.json")
    #expect(throws: StorageError.self) { try SentenceEncoder(directory) }
    try folder.write(#"[{"type": "sentence_transformers.models.Dense"}]"#, to: "bert/modules.json")
    #expect(throws: StorageError.self) { try SentenceEncoder(directory) }
  }
}
