// Adapters on disk, as PEFT lays them out.
import Base
import Foundation
import Layers
import Storage
import Tensors

/// `adapter_config.json` and `adapter_model.safetensors`: small additions to a model that lies elsewhere.
struct AdapterFolder {
  fileprivate static let weights = "adapter_model.safetensors"
  /// The name of a layer's A or B.
  fileprivate static func name(_ letter: String, of module: String) -> String {
    "base_model.model.\(module).lora_\(letter).weight"
  }

  let url: URL
  let configuration: AdapterConfiguration

  /// nil where a folder holds no adapter.
  init?(_ url: URL, for base: URL? = nil) throws {
    guard let configuration = try AdapterConfiguration(in: url, for: base) else { return nil }
    (self.url, self.configuration) = (url, configuration)
  }

  private var file: Safetensors {
    get throws { try Safetensors(contentsOf: url.appending(path: Self.weights)) }
  }

  /// Adds what the weights are to a fingerprint.
  func add(to fingerprint: inout Fingerprint) throws {
    try file.add(to: &fingerprint)
    fingerprint.add(try OpenFile(url.appending(path: AdapterConfiguration.fileName)).whole())
  }

  /// A and B of each layer, by the parameter that they are added to.
  struct Updates {
    fileprivate let file: Safetensors
    fileprivate var parts: [String: (update: LowRankUpdate, down: String, up: String)] = [:]

    /// The matrix of a parameter with its addition; nil where it has none.
    func merged(_ parameter: String, _ matrix: TensorData) throws -> TensorData? {
      guard let part = parts[parameter], let down = try file[part.down], let up = try file[part.up]
      else { return nil }
      let (a, b) = (down.stored(as: .float32), up.stored(as: .float32))
      let merged = part.update.merged(matrix, down: a, up: b)
      guard [a, b, merged].allSatisfy({ $0.firstNotFinite == nil }) else {
        throw UserError(
          "\(file.url.path): \(part.down) or \(part.up) holds numbers that are not finite.")
      }
      return merged
    }

    /// Declares the addition to a parameter's matrix, which is kept apart from it.
    func declare(
      _ parameter: String, of matrix: Tensor, into store: VariableStore, prefix: String
    ) throws {
      guard let part = parts[parameter] else { return }
      let module = "\(prefix).\(Adapter.module(parameter))"
      for (letter, tensor, name) in [
        ("A", part.update.down, part.down), ("B", part.update.up, part.up),
      ] {
        let value = store.device.keepsValues ? try file[name]?.stored(as: .float32) : nil
        guard value?.firstNotFinite == nil else {
          throw UserError("\(file.url.path): \(name) holds numbers that are not finite.")
        }
        try store.declare(
          "\(module).lora_\(letter).weight", tensor, role: .frozen, value: value)
      }
      store.add(toProductsOf: matrix) { part.update.addition($0) }
    }

    func contains(_ parameter: String) -> Bool { parts[parameter] != nil }
  }

  /// The adapter's tensors as additions to a model. Throws where they are not for its layers.
  func updates(of model: some PretrainedModel) throws -> Updates {
    let file = try file
    let layers = Adapter.layers(of: model)
    var updates = Updates(file: file)
    var taken: Set<String> = []
    for layer in layers {
      // The body's prefix may be left out, as of models that are bodies alone.
      let module = Adapter.module(model.storedName(layer.name))
      let short =
        module.hasPrefix(model.bodyPrefix)
        ? String(module.dropFirst(model.bodyPrefix.count)) : module
      let names = [module, short].map { name in
        ["A", "B"].map { Self.name($0, of: name) }
      }
      guard let pair = names.first(where: { file.entry(named: $0[0]) != nil }) else { continue }
      let update = LowRankUpdate(
        of: layer.weight, rank: configuration.rank, scale: configuration.scale)
      for (name, tensor) in zip(pair, [update.down, update.up]) {
        guard let entry = file.entry(named: name) else {
          throw UserError("\(url.path): \(name) is missing.")
        }
        guard let type = entry.type, type.elementType != .int32 else {
          throw UserError(
            "\(url.path): \(name) is stored as \(entry.dtype); weights are read from F32, F16 and BF16."
          )
        }
        guard entry.shape == tensor.shape else {
          throw UserError(
            "\(url.path): \(name) is \(entry.shape), and for \(configuration.base.lastPathComponent) it would be "
              + "\(tensor.shape): the adapter is for another model.")
        }
        taken.insert(name)
      }
      updates.parts[layer.name] = (update, pair[0], pair[1])
    }
    let left = file.entries.map(\.name).filter { !taken.contains($0) }
    guard left.isEmpty, !taken.isEmpty else {
      throw UserError(
        "\(url.path): \(left.isEmpty ? "the adapter holds no tensors" : "\(list(left)) are for no linear layer of \(configuration.base.path)"). "
          + "The adapter is for another model, or adapts what is not built.")
    }
    return updates
  }
}

extension ModelDirectory {
  /// Writes an adapter, whose numbers `store` holds under `prefix`, for the model in `base`. The folder appears whole or not at all.
  package func save(
    _ adapter: Adapter, of model: some PretrainedModel, for base: ModelDirectory,
    from store: VariableStore, prefix: String, _ export: Export,
    willAppear: ([String]) throws -> Void = { _ in }
  ) throws {
    try WholeFolder.write(
      url,
      { folder in
        try Self(folder).fill(adapter, of: model, for: base, from: store, prefix: prefix, export)
      }, willAppear: willAppear)
  }

  private func fill(
    _ adapter: Adapter, of model: some PretrainedModel, for base: ModelDirectory,
    from store: VariableStore, prefix: String, _ export: Export
  ) throws {
    var tensors: [(name: String, type: TensorType)] = []
    var values: [String: TensorData] = [:]
    for part in adapter.parts {
      let module = Adapter.module(part.parameter)
      let stored = Adapter.module(model.storedName(part.parameter))
      for letter in ["A", "B"] {
        guard let entry = store.entry(named: "\(prefix).\(module).lora_\(letter).weight") else {
          fatal("\(module) is not declared in the store")
        }
        let name = AdapterFolder.name(letter, of: stored)
        let value = try entry.value()
        guard value.firstNotFinite == nil else {
          throw UserError("The weight \(name) is not finite, so the adapter is not written.")
        }
        tensors.append((name, TensorType(value.shape, export.elementType)))
        values[name] = value.stored(as: export.elementType)
      }
    }
    try Safetensors.write(
      tensors, metadata: ["format": "pt"], to: url.appending(path: AdapterFolder.weights)
    ) { name in
      guard let value = values[name] else { fatal("\(name) has no value") }
      return value
    }
    try copyFiles(of: base)
    for file in export.files { try WholeFile.write(file.text, to: url.appending(path: file.name)) }
    if !export.card.isEmpty {
      try WholeFile.write(export.card, to: url.appending(path: "README.md"))
    }
    try WholeFile.write(
      adapter.configuration(of: model, for: base.url.resolved.path).text,
      to: url.appending(path: AdapterConfiguration.fileName))
    for record in try export.records(url) {
      try WholeFile.write(record.text, to: url.appending(path: record.name))
    }
  }
}

extension Adapter {
  /// What PEFT reads of it.
  fileprivate func configuration(of model: some PretrainedModel, for base: String) -> JSON {
    let modules = Set(
      parts.map { part in
        Adapter.module(part.parameter).split(separator: ".").last.map(String.init) ?? ""
      })
    let isTransposed = parts.contains { $0.update.weight.isTransposed }
    return [
      "peft_type": "LORA",
      "task_type": model is any LanguageModel ? "CAUSAL_LM" : "FEATURE_EXTRACTION",
      "base_model_name_or_path": .string(base),
      "r": JSON(options.rank),
      "lora_alpha": JSON(options.settledAlpha),
      "lora_dropout": 0,
      "target_modules": .array(modules.sorted().map { .string($0) }),
      "bias": "none",
      "fan_in_fan_out": .bool(isTransposed),
      "use_rslora": .bool(options.isStabilized),
      "modules_to_save": .null,
      "inference_mode": true,
    ]
  }
}
