// Folders of models: what is written is read again, and what does not fit is told.
import Base
import Checks
import Foundation
import Models
import Storage
import Tensors
import Testing

@Suite struct DirectoryTests {
  private func export(
    _ source: ModelDirectory, to url: URL, as type: ElementType, shardBytes: Int = 1 << 30
  ) throws -> ModelDirectory {
    let model = try source.model()
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    try source.load(model, into: store, prefix: "m")
    var options = ModelDirectory.Export()
    options.elementType = type
    options.source = source
    options.shardBytes = shardBytes
    options.card = "# A copy\n"
    let target = ModelDirectory(url)
    try target.save(model, from: store, prefix: "m", options)
    return target
  }

  @Test(arguments: GoldenModel.all) func importAndExportKeepEveryBit(golden: GoldenModel) throws {
    let folder = try TemporaryFolder()
    for type in [ElementType.float32, .float16, .bfloat16] {
      let first = try export(
        golden.directory, to: folder.url.appending(path: "1-\(type)"), as: type, shardBytes: 4000)
      let second = try export(first, to: folder.url.appending(path: "2-\(type)"), as: type)
      let files = try [golden.directory, first, second].map {
        try WeightFiles(folder: $0.url)
      }
      #expect(files[1].files.count > 1 && files[2].files.count == 1)
      #expect(Set(files[0].names).isSuperset(of: files[1].names))
      #expect(Set(files[1].names) == Set(files[2].names))
      for name in files[1].names {
        #expect(try files[1][name] == files[0][name]?.stored(as: type), "\(name)")
        #expect(try files[1][name] == files[2][name], "\(name)")
      }
      // Nothing that config.json said is lost, and the model is the same.
      let old = try golden.directory.configurationFile.fields
      let new = try second.configurationFile.fields
      for member in old.members where !["dtype", "torch_dtype"].contains(member.key) {
        let (a, b) = (member.value, new[member.key])
        #expect(
          a == b || a.double == b?.double || a.isNull, "\(member.key): \(a) became \(b as Any)")
      }
      #expect(
        try second.model().parameters().map(\.name)
          == golden.directory.model().parameters().map(\.name))
    }
  }

  /// Changes of a folder, and a part of the sentence that tells what is wrong.
  private static let mistakes: [(golden: String, old: String, new: String, message: String)] = [
    ("qwen2-tied", "\"qwen2\"", "\"mamba\"", "model_type is mamba; the families are llama"),
    ("qwen2-tied", "\"hidden_size\": 16", "\"hidden_size\": 24", "has the shape [37, 16]"),
    ("qwen2-tied", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "12 are not known"),
    (
      "qwen2-tied", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "12 tensors are missing"
    ),
    ("qwen2-tied", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": true", "it is true"),
    ("qwen2-tied", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1e99", "whole number"),
    ("qwen2-tied", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "does not divide"),
    ("qwen2-tied", "\"silu\"", "\"softsign\"", "hidden_act is softsign"),
    ("llama-linear", "\"linear\"", "\"longrope\"", "rope_parameters.rope_type is longrope"),
    (
      "llama-linear", "\"rope_type\": \"linear\"", "\"full_attention\": {\"rope_theta\": 5.0}",
      "rope_parameters.full_attention has angles of its own"
    ),
    (
      "llama-linear", "\"rope_type\": \"linear\"",
      "\"rope_type\": \"linear\", \"partial_rotary_factor\": 0.5",
      "rope_parameters.partial_rotary_factor is 0.5"
    ),
    (
      "qwen2-tied", "\"hidden_size\": 16", "\"hidden_size\": 16, \"partial_rotary_factor\": 0.25",
      "partial_rotary_factor is 0.25"
    ),
    (
      "qwen3", "\"hidden_size\": 16",
      "\"hidden_size\": 16, \"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4}",
      "the weights are quantised (gptq)"
    ),
    ("qwen2-window", "\"sliding_attention\"", "\"chunked\"", "layer_types names chunked"),
    ("gpt2-tied", "\"n_head\": 2", "\"n_head\": 5", "n_head must divide"),
    ("gpt2-tied", "\"n_embd\": 16,", "", "n_embd is missing"),
    ("bert", "\"vocab_size\"", "vocab_size", "is not JSON"),
  ]

  @Test(arguments: 0..<mistakes.count) func whatDoesNotFitIsTold(index: Int) throws {
    let (golden, old, new, message) = Self.mistakes[index]
    let folder = try TemporaryFolder()
    let copy = ModelDirectory(try folder.copy(of: golden))
    let file = copy.url.appending(path: "config.json")
    let text = try String(
      contentsOf: goldenFolder("models/\(golden)/config.json"), encoding: .utf8)
    #expect(text.contains(old), "\(golden)")
    try text.replacing(old, with: new).write(to: file, atomically: true, encoding: .utf8)
    let error = #expect(throws: UserError.self) {
      let store = VariableStore(on: ReferenceDevice(), seed: 1)
      try copy.load(try copy.model(), into: store, prefix: "m")
    }
    #expect(error?.description.contains(message) == true, "\(error as Any)")
  }

  @Test func aTensorUnderAnotherNameIsNamedWithTheNearest() throws {
    let folder = try TemporaryFolder()
    let directory = ModelDirectory(try folder.copy(of: "gpt2-tied"))
    let file = directory.url.appending(path: "model.safetensors")
    let whole = try Safetensors(contentsOf: file)
    let tensors = try whole.entries.map { entry in
      (
        name: entry.name.replacing("h.1.mlp.c_fc.weight", with: "h.1.mlp.fc.weight"),
        data: try #require(whole[entry.name])
      )
    }
    try Safetensors.write(tensors, to: file)
    let error = #expect(throws: UserError.self) {
      let store = VariableStore(on: ReferenceDevice(), seed: 1)
      try directory.load(try directory.model(), into: store, prefix: "m")
    }
    let sentence =
      "Nearest to transformer.h.1.mlp.c_fc.weight is transformer.h.1.mlp.fc.weight."
    #expect(error?.description.hasSuffix(sentence) == true, "\(error as Any)")
  }

  @Test func foldersWithoutWeightsSayWhatToDo() throws {
    let folder = try TemporaryFolder()
    #expect(throws: UserError.self) { try ModelDirectory(folder.url).model() }
    let directory = ModelDirectory(try folder.copy(of: "llama-untied"))
    let shard = directory.url.appending(path: "model-00002-of-00003.safetensors")
    try FileManager.default.removeItem(at: shard)
    let error = #expect(throws: UserError.self) { try WeightFiles(folder: directory.url) }
    #expect(error?.description.contains("model-00002-of-00003") == true)
    let pickle = ModelDirectory(try folder.copy(of: "bert"))
    let weights = pickle.url.appending(path: "model.safetensors")
    try FileManager.default.moveItem(
      at: weights, to: pickle.url.appending(path: "pytorch_model.bin"))
    let advice = #expect(throws: UserError.self) { try pickle.model() }
    #expect(advice?.description.contains("save_pretrained") == true)
  }
}
