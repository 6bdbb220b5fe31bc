// Embeddings of sentences, with real weights.
import Base
import Checks
import Foundation
import Models
import Sentences
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
    #expect(
      encoder.settings.pooling == .mean && encoder.settings.normalizes
        && encoder.maximumLength == 256)
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
    let model = try ModelDirectory(goldenFolder("models/bert")).encoder()
    let text = String(repeating: "word ", count: 50)
    let (whole, cut) = (
      try bert.encode(text),
      try SentenceEmbedder.ids(text, bert, SentenceEncoder(model), maximumLength: 10)
    )
    #expect(cut.count == 10 && cut.last == whole.last && cut.prefix(9) == whole.prefix(9))
  }

  @Test func poolingFollowsTheFiles() throws {
    let folder = try TemporaryFolder()
    let directory = ModelDirectory(try folder.copy(of: "bert"))
    #expect(try SentenceEncoder(directory).settings.normalizes)
    try folder.write(
      #"[{"type": "sentence_transformers.models.Transformer", "path": ""}, {"type": "a.Pooling", "path": "1_Pooling"}]"#,
      to: "bert/modules.json")
    try folder.write(
      #"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#,
      to: "bert/1_Pooling/config.json")
    let encoder = try SentenceEncoder(directory)
    #expect(encoder.settings.pooling == .first && !encoder.settings.normalizes)
    try folder.write(#"{"pooling_mode_max_tokens": true}"#, to: "bert/1_Pooling/config.json")
    #expect(throws: UserError.self) { try SentenceEncoder(directory) }
    try folder.write(#"[{"type": "sentence_transformers.models.Dense"}]"#, to: "bert/modules.json")
    #expect(throws: UserError.self) { try SentenceEncoder(directory) }
  }

  /// A folder with a golden encoder and the library's files.
  private func encoder(_ files: [(path: String, text: String)]) throws -> SentenceEncoder {
    let folder = try TemporaryFolder()
    let directory = ModelDirectory(try folder.copy(of: "bert"))
    try folder.write(
      #"[{"type": "sentence_transformers.base.modules.transformer.Transformer", "path": ""}, {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]"#,
      to: "bert/modules.json")
    try folder.write("{}", to: "bert/1_Pooling/config.json")
    for file in files { try folder.write(file.text, to: "bert/\(file.path)") }
    return try SentenceEncoder(directory)
  }

  @Test(arguments: [
    (#"{"pooling_mode": "cls"}"#, SentenceEncoder.Pooling.first),
    (#"{"pooling_mode": "mean"}"#, .mean),
    (#"{"pooling_mode": ["lasttoken"]}"#, .last),
    (#"{"pooling_mode": "weightedmean"}"#, .weightedMean),
    (#"{"pooling_mode_mean_sqrt_len_tokens": true}"#, .meanOverRoot),
    (#"{"pooling_mode_lasttoken": true, "pooling_mode_mean_tokens": false}"#, .last),
    (#"{"word_embedding_dimension": 16}"#, .mean),
  ]) func poolingHasItsNameOfEveryAge(file: String, pooling: SentenceEncoder.Pooling) throws {
    #expect(try encoder([("1_Pooling/config.json", file)]).settings.pooling == pooling)
  }

  @Test(arguments: [
    ("1_Pooling/config.json", #"{"pooling_mode": "max"}"#, "pools with max"),
    ("1_Pooling/config.json", #"{"pooling_mode": ["cls", "mean"]}"#, "cls and mean"),
    ("sentence_bert_config.json", #"{"max_seq_length": 0}"#, "no number of tokens"),
    (
      "config_sentence_transformers.json", #"{"default_prompt_name": "q", "prompts": {}}"#,
      "no prompt"
    ),
    ("config_sentence_transformers.json", #"{"truncate_dim": -3}"#, "truncate_dim"),
    ("modules.json", #"[{"type": "sentence_transformers.models.Dense"}]"#, "Dense"),
    ("modules.json", #"[{"type": "x.Pooling", "path": "../other"}]"#, "not in its own"),
    (
      "modules.json", #"[{"type": "x.Pooling", "path": "2_Pooling"}]"#,
      "2_Pooling/config.json is missing"
    ),
    ("modules.json", #"[{"type": "x.Transformer", "path": ""}]"#, "names no pooling"),
  ]) func whatEncodersFilesCannotHaveIsNamed(path: String, file: String, message: String) {
    let error = #expect(throws: UserError.self) { try encoder([(path, file)]) }
    #expect(error?.description.contains(message) == true, "\(error as Any)")
  }

  @Test func textsArePreparedAsTheFilesSay() throws {
    let prompted = try encoder([
      ("sentence_bert_config.json", #"{"max_seq_length": 20, "do_lower_case": true}"#),
      (
        "config_sentence_transformers.json",
        #"{"prompts": {"q": "Query: "}, "default_prompt_name": "q", "truncate_dim": 5}"#
      ),
    ])
    #expect(prompted.prepared("A CAT") == "query: a cat")
    #expect(prompted.maximumLength == 20 && prompted.width == 5)
    // A limit of the tokenizer's holds where the library's file has none; one without end is none.
    #expect(
      try encoder([("tokenizer_config.json", #"{"model_max_length": 9}"#)]).maximumLength == 9)
    let endless = try encoder([("tokenizer_config.json", #"{"model_max_length": 1e30}"#)])
    #expect(endless.maximumLength == endless.encoder.contextLength)
  }

  @Test func poolingsAreTheirFormulas() throws {
    let model = try ModelDirectory(goldenFolder("models/bert")).encoder()
    // Two tokens of two numbers and one that does not count.
    let hidden = Tensor.constant(TensorData([1, 3, 2], [1, 2, 5, 8, 100, 100] as [Float]))
    let mask = Tensor.constant(TensorData([1, 3], [1, 1, 0] as [Float]))
    let root = Float(2).squareRoot()
    for (pooling, expected) in [
      (SentenceEncoder.Pooling.mean, [3, 5]), (.meanOverRoot, [6 / root, 10 / root]),
      (.first, [1, 2]), (.last, [5, 8]), (.weightedMean, [11.0 / 3, 6]),
    ] as [(SentenceEncoder.Pooling, [Float])] {
      var settings = SentenceEncoder.Settings()
      settings.pooling = pooling
      settings.normalizes = false
      let vector = SentenceEncoder(model, settings).pooled(hidden, mask: mask)
      let got = try Checks.evaluate([vector], [])[0].floats
      #expect(zip(got, expected).allSatisfy { abs($0 - $1) < 1e-5 }, "\(pooling): \(got)")
    }
  }
}
