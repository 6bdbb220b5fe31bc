// Models on disk, as Hugging Face lays them out.
import Foundation
import Layers
import Storage
import Tensors

/// A folder with `config.json` and `model.safetensors`.
public struct ModelDirectory {
  public let url: URL

  public init(_ url: URL) { self.url = url }

  private static let modelType = "llama"

  /// Reads the sizes of the model.
  public func configuration() throws -> LlamaConfiguration {
    let file = url.appending(path: "config.json")
    guard let data = try? Data(contentsOf: file) else {
      throw StorageError("\(url.path) holds no model: \(file.path) cannot be read.")
    }
    guard let json = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw StorageError("\(file.path) is not a JSON object.")
    }
    guard json["model_type"] as? String == Self.modelType else {
      throw StorageError(
        "\(file.path) describes a model of type \(json["model_type"] ?? "(none)"); "
          + "only \(Self.modelType) is read so far.")
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { return try decoder.decode(LlamaConfiguration.self, from: data) } catch {
      throw StorageError("\(file.path) lacks a size of the model or has a wrong one: \(error)")
    }
  }

  /// Reads the weights into a store in which the model is declared under `prefix`.
  public func loadWeights(of model: some Module, into store: VariableStore, prefix: String) throws {
    let file = url.appending(path: "model.safetensors")
    let weights = try Safetensors(contentsOf: file)
    try store.load(
      Dictionary(weights.tensors.map { (prefix + "." + $0.name, $0.data) }) { $1 },
      names: model.parameters(prefix: prefix).map(\.name), from: file)
  }

  /// Writes the folder. `store` holds the weights under `prefix`; `tokenizer` is the content of
  /// `tokenizer.json`.
  public func save(
    _ model: Llama, from store: VariableStore, prefix: String, tokenizer: Data, endOfText: Int
  ) throws {
    do { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) } catch
    {
      throw StorageError("Cannot make the folder \(url.path).")
    }
    var tensors: [(name: String, data: TensorData)] = []
    for (name, tensor) in model.parameters() { tensors.append((name, try store.value(of: tensor))) }
    try Safetensors(tensors, metadata: ["format": "pt"])
      .write(to: url.appending(path: "model.safetensors"))
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    let sizes = try JSONSerialization.jsonObject(with: encoder.encode(model.configuration))
    var config = sizes as? [String: Any] ?? [:]
    config.merge([
      "architectures": ["LlamaForCausalLM"], "model_type": Self.modelType,
      "hidden_act": "silu", "attention_bias": false, "mlp_bias": false,
      "head_dim": model.configuration.headSize,
      "initializer_range": Double(model.configuration.initializerRange),
      "bos_token_id": endOfText, "eos_token_id": endOfText, "torch_dtype": "float32",
    ]) { $1 }
    let text = try JSONSerialization.data(
      withJSONObject: config, options: [.prettyPrinted, .sortedKeys])
    try WholeFile.write(
      String(decoding: text, as: UTF8.self), to: url.appending(path: "config.json"))
    try WholeFile.write(
      String(decoding: tokenizer, as: UTF8.self), to: url.appending(path: "tokenizer.json"))
  }
}
