// `adapter_config.json`: what an adapter is, and for which model, as PEFT lays it out.
import Base
import Foundation

/// The adapter of a folder (https://huggingface.co/docs/peft/main/en/developer_guides/checkpoint).
package struct AdapterConfiguration: Sendable {
  package static let fileName = "adapter_config.json"

  package let rank: Int
  /// What the addition is multiplied by: alpha / rank, or alpha / sqrt(rank).
  package let scale: Float
  /// Where the model lies that the adapter is for.
  package let base: URL

  /// nil where a folder holds no adapter, or a whole model beside it. Throws for one that cannot be read as it is meant.
  package init?(in folder: URL, for model: URL? = nil) throws {
    let manager = FileManager.default
    let file = folder.appending(path: Self.fileName)
    guard manager.fileExists(atPath: file.path),
      !manager.fileExists(atPath: folder.appending(path: "config.json").path)
    else { return nil }
    let json = try JSON(contentsOf: file)
    func failure(_ key: String, _ what: String) -> UserError {
      UserError("\(file.path): \(key) \(what).")
    }
    let type = json["peft_type"]?.string ?? "missing"
    guard type == "LORA" else {
      throw failure("peft_type", "is \(type), and adapters of the type LORA alone are read")
    }
    guard let rank = json["r"]?.int, (1...65_536).contains(rank) else {
      throw failure("r", "is no rank from 1 to 65536")
    }
    // What changes the model itself, or adds what is not an addition to a matrix. Where it says nothing it may stand there.
    for key in Self.notBuilt {
      guard let value = json[key], !value.isNull, value != .bool(false), value != [], value != [:]
      else { continue }
      throw failure(key, "is \(value.line.prefix(80)), which is not built")
    }
    if let start = json["init_lora_weights"], start.bool == nil, !start.isNull, start != "gaussian"
    {
      throw failure(
        "init_lora_weights",
        "is \(start.line.prefix(40)), which changes the weights of the model itself and is not built"
      )
    }
    let bias = json["bias"]?.string ?? "none"
    guard bias == "none" else { throw failure("bias", "is \(bias), and only none is built") }
    let given = json["lora_alpha"] ?? .null
    guard let alpha = given.isNull ? 8 : given.double else {
      throw failure("lora_alpha", "is \(given.line.prefix(40)), which is no number")
    }
    let stabilized = json["use_rslora"] ?? .bool(false)
    guard let isStabilized = stabilized.isNull ? false : stabilized.bool else {
      throw failure("use_rslora", "is \(stabilized.line.prefix(40)), and not true or false")
    }
    self.rank = rank
    scale = Self.scale(alpha: alpha, rank: rank, isStabilized: isStabilized)
    guard scale.isFinite else {
      throw failure("lora_alpha", "is \(given.line.prefix(40)), which is too large")
    }
    guard let name = json["base_model_name_or_path"]?.string, !name.isEmpty else {
      throw failure("base_model_name_or_path", "does not say for which model the adapter is")
    }
    let revision = json["revision"]?.string ?? "main"
    guard let base = model ?? Self.place(of: name, revision, beside: folder) else {
      let isThere = manager.fileExists(atPath: name)
      throw UserError(
        "\(folder.path) is an adapter for \(name), and \(isThere ? "that folder holds no whole model" : "there is no such folder"). Bring the model there, or write its folder into "
          + "\(Self.fileName) as base_model_name_or_path.")
    }
    self.base = base
  }

  /// alpha / rank, or alpha / sqrt(rank) (rsLoRA, arXiv 2312.03732).
  package static func scale(alpha: Double, rank: Int, isStabilized: Bool) -> Float {
    Float(alpha / (isStabilized ? Double(rank).squareRoot() : Double(rank)))
  }

  private static let notBuilt = [
    "use_dora", "use_qalora", "use_bdlora", "lora_bias", "alora_invocation_tokens",
    "modules_to_save", "rank_pattern",
    "alpha_pattern", "target_parameters", "trainable_token_indices", "layer_replication",
    "corda_config", "kasa_config",
    "monteclora_config", "lora_ga_config", "arrow_config", "velora_config", "loftq_config",
    "eva_config",
  ]

  /// A folder, from the root, from the adapter's own folder or from here; or a revision of a model of the Hub that its cache has.
  private static func place(of name: String, _ revision: String, beside folder: URL) -> URL? {
    let environment = ProcessInfo.processInfo.environment
    let home = FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache/huggingface")
    let cache =
      environment["HF_HUB_CACHE"].map { URL(fileURLWithPath: $0) }
      ?? (environment["HF_HOME"].map { URL(fileURLWithPath: $0) } ?? home).appending(path: "hub")
    let model = cache.appending(path: "models--\(name.replacing("/", with: "--"))")
    let commit = try? String(contentsOfText: model.appending(path: "refs/\(revision)"))
    let snapshots = [commit, revision].compactMap { $0 }.map {
      model.appending(path: "snapshots/\($0.trimmingCharacters(in: .whitespacesAndNewlines))")
    }
    let places =
      [URL(fileURLWithPath: "\(folder.path)/\(name)"), URL(fileURLWithPath: name)] + snapshots
    return places.first {
      FileManager.default.fileExists(atPath: $0.appending(path: "config.json").path)
        || GGUF.isOne($0)
    }?.standardizedFileURL
  }
}
