// Adapters against PEFT's: logits, gradients, files, and what is wrong with them.
import Base
import Checks
import Foundation
import Storage
import Tensors
import Testing

@testable import Models

/// An adapter that `make_adapters.py` wrote, with what PEFT computes with it.
struct GoldenAdapter: Sendable, CustomStringConvertible {
  let name: String
  var description: String { name }
  var directory: ModelDirectory { ModelDirectory(goldenFolder("adapters/\(name)")) }

  static let all = ["gemma2", "gpt2-tied", "qwen2-tied"].map(GoldenAdapter.init)
}

@Suite struct AdapterTests {
  private let folder = FileManager.default.temporaryDirectory.appending(
    path: "retort-adapters-\(UUID())")

  private func numbers(_ golden: GoldenAdapter) throws -> Safetensors {
    try Safetensors(contentsOf: golden.directory.url.appending(path: "golden.safetensors"))
  }

  private func value(_ file: Safetensors, _ name: String) throws -> TensorData {
    try #require(try file[name], "\(name)")
  }

  /// The adapter merged into its model gives PEFT's logits; so it does as additions, whose gradients are PEFT's, too.
  @Test(arguments: GoldenAdapter.all) func logitsAndGradientsArePEFTs(golden: GoldenAdapter) throws
  {
    let numbers = try numbers(golden)
    let tokens = try value(numbers, "tokens")
    let input = Tensor.input("tokens", tokens.type)
    let (rows, length) = (tokens.shape[0], tokens.shape[1])
    var next: [Int32] = []
    for row in 0..<rows {
      next += tokens.integers[row * length..<(row + 1) * length].dropFirst() + [-1]
    }
    let labels = TensorData([rows, length], next)

    // Merged
    let model = try golden.directory.languageModel()
    let store = VariableStore(on: ReferenceDevice(), seed: 1)
    try golden.directory.loadFrozen(model, into: store, prefix: "model")
    let logits = model.logits(input)
    let merged = try GraphExecutor(Graph(outputs: [logits]), on: store)
    try merged.set(input, to: tokens)
    try merged.run()
    let expected = try value(numbers, "logits")
    #expect(relativeError(try merged.value(of: logits), expected) < 1e-4)

    // As additions to the base
    let base = try golden.directory.whole
    let configuration = try #require(try AdapterConfiguration(in: golden.directory.url))
    let plain = try base.languageModel()
    let apart = VariableStore(on: ReferenceDevice(), seed: 1)
    try base.loadFrozen(plain, into: apart, prefix: "model")
    var options = Adapter.Options()
    (options.rank, options.alpha) = (
      configuration.rank, Double(configuration.scale) * Double(configuration.rank)
    )
    let file = try Safetensors(
      contentsOf: golden.directory.url.appending(path: "adapter_model.safetensors"))
    options.targets = Set(
      file.entries.map {
        $0.name.components(separatedBy: ".lora_")[0].split(separator: ".").last ?? ""
      }
    ).map(String.init).sorted()
    let adapter = try Adapter(of: plain, options)
    let parameters = adapter.parameters(prefix: "a")
    #expect(parameters.count == file.entries.count)
    for (name, tensor) in parameters {
      try apart.declare(
        name, tensor, value: try value(file, "base_model.model.\(name.dropFirst(2))"))
    }
    let outcome = plain.logits(input)
    let loss = outcome.crossEntropy(labels: .constant(labels)).sum()
    let adapted = adapter.applied(to: [outcome, loss])
    let slopes = gradients(of: adapted[1], withRespectTo: parameters.map(\.tensor))
    let executor = try GraphExecutor(Graph(outputs: adapted + slopes), on: apart)
    try executor.set(input, to: tokens)
    try executor.run()
    #expect(relativeError(try executor.value(of: adapted[0]), expected) < 1e-4)
    let sum = try (executor.value(of: adapted[1]).floats[0], value(numbers, "loss").floats[0])
    #expect(abs(sum.0 - sum.1) < 1e-4 * sum.1)
    for ((name, _), slope) in zip(parameters, slopes) {
      let wanted = try value(numbers, "grad.base_model.model.\(name.dropFirst(2))")
      #expect(relativeError(try executor.value(of: slope), wanted) < 1e-3, "\(name)")
    }
  }

  /// What is written is read as it was: configuration, names, numbers; fingerprints tell it from its base.
  @Test(arguments: GoldenAdapter.all) func aWrittenAdapterIsReadAlike(golden: GoldenAdapter) throws
  {
    defer { try? FileManager.default.removeItem(at: folder) }
    let base = try golden.directory.whole
    let model = try base.model()
    var options = Adapter.Options()
    (options.rank, options.alpha, options.isStabilized) = (2, 7, golden.name == "gemma2")
    let adapter = try Adapter(of: model, options)
    let store = VariableStore(on: ReferenceDevice(), seed: 5)
    // B begins with zeros, so that nothing is changed; here it has numbers.
    var random = RandomData(seed: 3)
    for (name, tensor) in adapter.parameters(prefix: "x") {
      try store.declare(
        name, tensor, value: name.hasSuffix("lora_B.weight") ? random.floats(tensor.shape) : nil)
    }
    let written = ModelDirectory(folder)
    try written.save(adapter, of: model, for: base, from: store, prefix: "x", .init())
    let configuration = try #require(try AdapterConfiguration(in: folder))
    #expect(configuration.rank == 2 && configuration.base.resolved == base.url.resolved)
    #expect(configuration.scale == options.scale)
    let updates = try #require(try AdapterFolder(folder)).updates(of: model)
    for part in adapter.parts {
      let matrix = TensorData(zeros: part.update.weight.tensor.type)
      let merged = try #require(try updates.merged(part.parameter, matrix))
      #expect(merged.floats.contains { $0 != 0 })
    }
    #expect(try written.fingerprint() != base.fingerprint())
    #expect(try written.model().modelType == model.modelType)
  }

  @Test func adaptersThatDoNotFitAreASentence() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let golden = GoldenAdapter(name: "qwen2-tied").directory
    let model = try golden.model()
    for (rank, targets, words) in [
      (17, [], "above the width"), (2, ["nothing"], "q_proj"), (2, ["proj"], "q_proj"),
    ] as [(Int, [String], String)] {
      var options = Adapter.Options()
      (options.rank, options.targets) = (rank, targets)
      do {
        _ = try Adapter(of: model, options)
        Issue.record("\(rank) \(targets) was taken")
      } catch { #expect("\(error)".contains(words), "\(error)") }
    }
    // A configuration that says what is not built, or another model.
    let text = try String(
      contentsOf: golden.url.appending(path: "adapter_config.json"), encoding: .utf8)
    let json = try JSON(parsing: Data(text.utf8))
    for (key, value, words) in [
      ("peft_type", "IA3", "LORA"), ("use_dora", true, "use_dora"), ("bias", "all", "bias"),
      ("r", 0, "r "),
      ("r", 5, "another model"), ("modules_to_save", ["lm_head"], "modules_to_save"),
      ("rank_pattern", ["q_proj": 2], "rank_pattern"), ("lora_alpha", .null, ""),
      ("lora_alpha", "16", "lora_alpha"),
      ("lora_alpha", .number("1e300"), "too large"), ("use_rslora", "true", "use_rslora"),
      ("init_lora_weights", "pissa", "init_lora_weights"), ("init_lora_weights", "gaussian", ""),
      ("corda_config", ["x": 1], "corda_config"),
      ("base_model_name_or_path", "someone/nowhere", "there is no such folder"),
      ("base_model_name_or_path", .string(goldenFolder("models/gpt2-tied").path), "another model"),
    ] as [(String, JSON, String)] {
      try? FileManager.default.removeItem(at: folder)
      try FileManager.default.copyItem(at: golden.url, to: folder)
      var object = try #require(json.object)
      object["base_model_name_or_path"] = .string(goldenFolder("models/qwen2-tied").path)
      object[key] = value
      try Data(JSON.object(object).text.utf8).write(
        to: folder.appending(path: "adapter_config.json"))
      let directory = ModelDirectory(folder)
      do {
        let model = try directory.model()
        try directory.load(
          model, into: VariableStore(on: ReferenceDevice(), seed: 1), prefix: "model")
        #expect(words.isEmpty, "\(key) \(value.line) was taken")
      } catch { #expect(!words.isEmpty && "\(error)".contains(words), "\(key): \(error)") }
    }
  }

  /// Cut and changed files end in sentences.
  @Test(arguments: 1...40) func brokenFilesEndInASentence(seed: UInt64) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let golden = GoldenAdapter(name: "qwen2-tied").directory
    try FileManager.default.copyItem(at: golden.url, to: folder)
    var random = RandomData(seed: seed)
    let name = ["adapter_config.json", "adapter_model.safetensors"][random.integer(below: 2)]
    let file = folder.appending(path: name)
    var data = try Data(contentsOf: file)
    if seed % 3 == 0 {
      data = data.prefix(random.integer(below: data.count))
    } else {
      for _ in 0..<3 {
        data[random.integer(below: min(data.count, 900))] = UInt8(random.integer(below: 256))
      }
    }
    try data.write(to: file)
    // Whatever it holds: no crash.
    do {
      let directory = ModelDirectory(folder)
      try directory.load(
        try directory.model(), into: VariableStore(on: ReferenceDevice(), seed: 1), prefix: "m")
    } catch { #expect("\(error)".count > 10) }
  }
}
