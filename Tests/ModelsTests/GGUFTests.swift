// Models and tokenizers in GGUF files, as others write them (`Tests/Golden/make_gguf.py`).
import Base
import Checks
import Foundation
import Storage
import Testing
import Tokenizers

@testable import Models
@testable import Tensors

@Suite struct GGUFTests {
  private static func file(_ name: String) -> URL { goldenFolder("gguf/\(name).gguf") }

  private static let models = [
    "llama", "llama-q4_0", "qwen2-q8_0", "qwen3", "gemma2", "gemma3", "gpt2",
  ]

  /// The error of a model's logits, its weights read one way or the other.
  private func error(
    _ directory: ModelDirectory, _ name: String, on device: any Device = ReferenceDevice(),
    isFrozen: Bool
  ) throws -> (error: Double, store: VariableStore) {
    let golden = try Safetensors(contentsOf: goldenFolder("gguf/golden.safetensors"))
    func numbers(_ key: String) throws -> TensorData { try #require(try golden["\(name).\(key)"]) }
    let model = try directory.languageModel()
    let store = VariableStore(on: device, seed: 1)
    if isFrozen {
      try directory.loadFrozen(model, into: store, prefix: "model")
    } else {
      try directory.load(model, into: store, prefix: "model")
    }
    let tokens = try numbers("tokens")
    let input = Tensor.input("tokens", tokens.type)
    let logits = model.logits(input)
    let executor = try GraphExecutor(Graph(outputs: [logits]), on: store)
    try executor.set(input, to: tokens)
    try executor.run()
    return (try relativeError(executor.value(of: logits), numbers("logits")), store)
  }

  @Test(arguments: models) func logitsAreThoseOfTransformers(name: String) throws {
    let directory = ModelDirectory(Self.file(name))
    for isFrozen in [true, false] {
      let (error, store) = try error(directory, name, isFrozen: isFrozen)
      #expect(error < 1e-4, "\(error)")
      // Blocks lie in memory as in the file, those of the table of tokens among them.
      let blocks = store.entries.filter { $0.stored.type.elementType.isQuantized }
      let expected = isFrozen && name.contains("-q") ? name.contains("llama") ? 16 : 15 : 0
      #expect(blocks.count == expected)
    }
  }

  @Test(arguments: Target.all.filter { !$0.isInterpreter && $0.family == .cpu })
  func kernelsReadBlocksOfFiles(target: Target) throws {
    let (error, _) = try error(
      ModelDirectory(Self.file("llama-q4_0")), "llama-q4_0", on: target.open(), isFrozen: true)
    #expect(error < 1e-4, "\(error)")
  }

  @Test(arguments: ["gpt2", "llama3", "qwen", "llama2"]) func textsBecomeTheSameIds(name: String)
    throws
  {
    let read = try TokenizerDirectory(Self.file("tokenizer-\(name)")).tokenizer
    let own = try Tokenizer(contentsOf: goldenFolder("tokenizers/\(name).json"))
    #expect(!goldenStrings.isEmpty)
    // A whole word of one of these tokenizers is what GGUF cannot say.
    for text in goldenStrings where !text.contains("the the") {
      let ids = try own.encode(text, addsSpecialTokens: false)
      #expect(try read.encode(text, addsSpecialTokens: false) == ids, "\(text.json)")
      #expect(read.decode(ids) == own.decode(ids), "\(text.json)")
    }
  }

  @Test(arguments: ["llama", "qwen3", "gemma2", "gemma3", "gpt2"])
  func whatIsWrittenIsReadAgain(name: String) throws {
    let folder = try TemporaryFolder()
    let source = ModelDirectory(Self.file(name))
    let model = try source.languageModel()
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    try source.loadFrozen(model, into: store, prefix: "model")
    let target = ModelDirectory(folder.url.appending(path: "copy.gguf"))
    try target.saveGGUF(model, from: store, prefix: "model", as: .f32, name: "copy", tokenizer: [])
    #expect(try error(target, name, isFrozen: true).error < 1e-4)
    // Blocks are those that the same storage makes of a folder's weights.
    let narrow = ModelDirectory(folder.url.appending(path: "narrow.gguf"))
    try narrow.saveGGUF(
      model, from: store, prefix: "model", as: .q80, name: "narrow", tokenizer: [])
    let found = try error(narrow, name, isFrozen: true).error
    #expect(found > 1e-4 && found < 0.1, "\(found)")
  }

  /// A tokenizer's folder, with a part that is changed.
  private func tokenizer(
    _ name: String, in folder: URL, _ settings: JSON = .object(.init()),
    _ change: (inout JSON.Object) -> Void = { _ in }
  ) throws -> TokenizerDirectory {
    var json = try #require(try JSON(contentsOf: goldenFolder("tokenizers/\(name).json")).object)
    // A whole word of one of these is what GGUF cannot say.
    json["added_tokens"] = .array(
      (json["added_tokens"]?.array ?? []).filter { $0["content"]?.string != "the the" })
    change(&json)
    try JSON.object(json).text.write(
      to: folder.appending(path: "tokenizer.json"), atomically: true, encoding: .utf8)
    try settings.text.write(
      to: folder.appending(path: "tokenizer_config.json"), atomically: true, encoding: .utf8)
    return try TokenizerDirectory(folder)
  }

  @Test(arguments: ["gpt2", "llama3", "qwen", "llama2"]) func tokenizersAreWritten(name: String)
    throws
  {
    let folder = try TemporaryFolder()
    let settings: JSON =
      name == "llama2"
      ? ["bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"] : .object(.init())
    let own = try tokenizer(name, in: folder.url, settings)
    let file = folder.url.appending(path: "tokenizer.gguf")
    try GGUF.write(
      [], metadata: own.ggufMetadata(rows: own.tokenizer.vocabularySize + 3), to: file
    ) { _ in TensorData(0) }
    let read = try TokenizerDirectory(file)
    for text in goldenStrings {
      #expect(try read.tokenizer.encode(text) == own.tokenizer.encode(text), "\(text.json)")
    }
    #expect(read.endOfText == own.endOfText)
    // Rows that only fill a table are no tokens: a teacher's file and its student's folder have one tokenizer.
    #expect(read.tokenizer.hasSameTokens(as: own.tokenizer))
  }

  @Test func tokenizersThatGGUFCannotSayAreRefused() throws {
    let folder = try TemporaryFolder()
    let changes: [(inout JSON.Object) -> Void] = [
      { $0["normalizer"] = ["type": "Lowercase"] },
      {
        $0["pre_tokenizer"] = [
          "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
        ]
      },
    ]
    for change in changes {
      let own = try tokenizer("gpt2", in: folder.url, .object(.init()), change)
      #expect(throws: TokenizerError.self) { try own.ggufMetadata(rows: 2000) }
    }
  }

  @Test func anExtentOfNothingHidesNoOther() throws {
    let folder = try TemporaryFolder()
    var data = try Data(contentsOf: Self.file("qwen2-q8_0"))
    let name = try #require(data.firstRange(of: Data("token_embd.weight".utf8)))
    // The rank, then extents: 0 and all ones.
    let extents = name.upperBound + 4
    for place in 0..<16 { data[extents + place] = place < 8 ? 0 : 0xFF }
    let url = folder.url.appending(path: "model.gguf")
    try data.write(to: url)
    #expect(throws: UserError.self) { try GGUF(contentsOf: url) }
  }

  @Test func whatIsNotBuiltIsSaid() throws {
    let folder = try TemporaryFolder()
    do {
      let whole = try Data(contentsOf: Self.file("qwen2-q8_0"))
      func refusal(_ change: (inout Data) -> Void) throws -> String {
        var data = whole
        change(&data)
        let url = folder.url.appending(path: "model.gguf")
        try data.write(to: url)
        let error = #expect(throws: UserError.self) {
          let directory = ModelDirectory(url)
          try directory.check(directory.model())
        }
        return error.map { "\($0)" } ?? ""
      }
      #expect(try refusal { $0[4] = 1 }.contains("version 1"))
      #expect(try refusal { $0 = $0.prefix(5000) }.contains("not a whole GGUF file"))
      #expect(try refusal { $0[15] = 1 }.contains("more than it has room for"))
      #expect(
        try refusal { data in
          let place = data.firstRange(of: Data("qwen2".utf8))?.lowerBound ?? 0
          data.replaceSubrange(place..<place + 5, with: Data("mamba".utf8))
        }.contains("is a mamba"))
    }
  }
}
