// Models on disk, as Hugging Face lays them out.
import Base
import Foundation
import Layers
import Storage
import Tensors

/// A folder with `config.json`, `model.safetensors` (or shards with an index) and the tokenizer's files; or a GGUF file, which holds all of that.
public struct ModelDirectory: Sendable {
  /// The folder.
  public let url: URL
  /// How its linear layers lie in memory where nobody trains them.
  public let storage: FrozenStorage
  /// The model that the adapter here is for, wherever the adapter says that it lies.
  package let givenBase: URL?

  /// A folder, which is read when it is asked for something. With `base` it is an adapter's, and that its model's.
  public init(_ url: URL, storage: FrozenStorage = .file, base: URL? = nil) {
    (self.url, self.storage, givenBase) = (url, storage, base)
  }

  /// The folder of the whole model: this one, or that which the adapter here is for.
  package var whole: ModelDirectory {
    get throws {
      guard let adapter = try AdapterConfiguration(in: url, for: givenBase) else {
        guard givenBase == nil else {
          throw UserError(
            "\(url.path) holds no adapter: it has no \(AdapterConfiguration.fileName).")
        }
        return self
      }
      return ModelDirectory(adapter.base, storage: storage)
    }
  }

  package var configurationFile: ConfigurationFile {
    get throws {
      let url = try whole.url
      if GGUF.isOne(url) {
        return ConfigurationFile(try GGUFWeights(GGUF(contentsOf: url)).fields, of: url)
      }
      return try ConfigurationFile(contentsOf: url.appending(path: "config.json"))
    }
  }

  /// The files of the weights, those that an adapter here is added to.
  package func weights() throws -> WeightFiles {
    let url = try whole.url
    return GGUF.isOne(url)
      ? WeightFiles(try GGUFWeights(GGUF(contentsOf: url))) : try WeightFiles(folder: url)
  }

  /// The model that the folder describes, without its numbers.
  public func model() throws -> any PretrainedModel {
    let file = try configurationFile
    guard let type = try file.text("model_type") else {
      throw file.failure("model_type", "is missing")
    }
    if let quantization = try file.object("quantization_config") {
      let method = try quantization.text("quant_method") ?? "of an unnamed kind"
      throw file.failure(
        "quantization_config",
        "says that the weights are quantised (\(method)), which is not built. Take the folder of the "
          + "weights before that")
    }
    guard let family = ModelFamily.all.first(where: { $0.types.contains(type) }) else {
      let known = ModelFamily.all.flatMap(\.types).joined(separator: ", ")
      throw file.failure("model_type", "is \(type); the families are \(known)")
    }
    return try family.model(self, file)
  }

  /// The model, if it predicts the next token.
  public func languageModel() throws -> any LanguageModel {
    let model = try model()
    guard let model = model as? any LanguageModel else { throw notALanguageModel(model) }
    return model
  }

  /// The model, if it reads in both directions.
  package func encoder() throws -> any Encoder {
    let model = try model()
    guard let model = model as? any Encoder else { throw notAnEncoder(model) }
    return model
  }

  package func notALanguageModel(_ model: any PretrainedModel) -> UserError {
    UserError(
      "\(url.path) holds an encoder (\(model.architecture)), not a model that continues text.",
      remedy: .useAsEncoder)
  }

  package func notAnEncoder(_ model: any PretrainedModel) -> UserError {
    UserError(
      "\(url.path) holds a model that continues text (\(model.architecture)), not an encoder.")
  }

  /// Throws unless the folder's weights are those of the model, with its shapes.
  package func check(_ model: some PretrainedModel) throws {
    _ = try model.match(try weights())
    _ = try AdapterFolder(url, for: givenBase)?.updates(of: model)
  }

  /// What tells the model from others: a hash of its weights, its configuration, and what lies beside them.
  package func fingerprint() throws -> String {
    var fingerprint = Fingerprint()
    for file in try weights().files { try file.add(to: &fingerprint) }
    return try adding(companionsTo: fingerprint)
  }

  private func adding(companionsTo fingerprint: Fingerprint) throws -> String {
    var fingerprint = fingerprint
    // Other bits are another teacher.
    if storage != .file { fingerprint.add(storage.rawValue) }
    if let adapter = try AdapterFolder(url, for: givenBase) {
      let base = try whole.url
      if !GGUF.isOne(base) {
        fingerprint.add(try OpenFile(base.appending(path: "config.json")).whole())
      }
      try adapter.add(to: &fingerprint)
    }
    let own = FileManager.default.fileExists(atPath: url.appending(path: "config.json").path)
    for path in try (own ? ["config.json"] : []) + companions() {
      fingerprint.add(path)
      fingerprint.add(try OpenFile(url.appending(path: path)).whole())
    }
    return fingerprint.description
  }

  /// Declares a model's variables under `prefix`, with the folder's weights, those of an adapter added. Tensors are read one
  /// after the other.
  public func load(
    _ model: some PretrainedModel, into store: VariableStore, prefix: String
  ) throws {
    let file = try weights()
    let pairs = try model.match(file)
    let updates = try AdapterFolder(url, for: givenBase)?.updates(of: model)
    let tensors = Dictionary(
      model.parameters().map { ($0.name, $0.tensor) }
    ) { first, _ in first }
    for (parameter, stored) in pairs {
      guard let tensor = tensors[parameter] else { continue }
      if !store.device.keepsValues {
        try store.declare(prefix + "." + parameter, tensor)
        continue
      }
      guard let value = try file.weight(stored) else { continue }
      try store.declare(
        prefix + "." + parameter, tensor,
        value: try updates?.merged(parameter, value) ?? value)
    }
  }

  /// Declares a model's variables under `prefix` with the folder's weights, which nobody will train: matrices lie in memory
  /// in the file's own type, or those of linear layers as `storage` says; an adapter is added to the latter as they are multiplied with,
  /// to others at once. The files are read once; returns the folder's fingerprint. On a device that only plans, their
  /// headers are read, and nothing is returned.
  @discardableResult
  package func loadFrozen(
    _ model: some PretrainedModel, into store: VariableStore, prefix: String
  ) throws -> String? {
    let folder = try weights()
    let updates = try AdapterFolder(url, for: givenBase)?.updates(of: model)
    let tensors = Dictionary(
      model.parameters().map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
    let parameters = Dictionary(
      try model.match(folder).map { ($0.stored, $0.parameter) },
      uniquingKeysWith: { first, _ in first })
    let layers = Set(storage == .file ? [] : Adapter.layers(of: model).map(\.name))
    func declare(_ entry: StoredTensor, _ value: TensorData?) throws {
      guard let parameter = parameters[entry.name], let tensor = tensors[parameter],
        let type = entry.type
      else { return }
      if let value { try folder.requireFinite(value, entry.name) }
      if let form = storage.quantization, layers.contains(parameter), form.fits(tensor.shape) {
        try store.declare(
          prefix + "." + parameter, tensor, role: .frozen, stored: .quantized(form), value: value)
        try updates?.declare(parameter, of: tensor, into: store, prefix: prefix)
        return
      }
      // Kernels take matrices in 16 bits; vectors are small. What an adapter has changed keeps all its digits.
      let isMerged = updates?.contains(parameter) ?? false
      let isNarrow = type.elementType.isCompact && tensor.shape.rank > 1 && !isMerged
      try store.declare(
        prefix + "." + parameter, tensor, role: .frozen,
        stored: isNarrow ? type.elementType : nil,
        value: try value.map { try updates?.merged(parameter, $0) ?? $0 })
    }
    guard store.device.keepsValues else {
      for entry in folder.files.flatMap(\.entries) { try declare(entry, nil) }
      return nil
    }
    var fingerprint = Fingerprint()
    for file in folder.files { try file.readAll(addingTo: &fingerprint) { try declare($0, $1) } }
    return try adding(companionsTo: fingerprint)
  }

  /// Whether a head is stored that differs from the table of tokens. `transformers` uses it then, whatever the
  /// configuration says of tied heads.
  func storesOwnHead(_ model: some LanguageModel) throws -> Bool {
    guard let file = try? weights(),
      let own = file.entry(named: Self.headName),
      let table = model.parameters().first(where: { $0.tensor === model.head.weight })?.name,
      let stored = [table, String(table.dropFirst(model.bodyPrefix.count))].first(where: {
        file.entry(named: $0) != nil
      }), own.shape == model.head.weight.shape
    else { return false }
    return try file[Self.headName] != file[stored]
  }

  private static let headName = "lm_head.weight"
}
