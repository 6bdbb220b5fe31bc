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
  package init?(in folder: URL) throws {
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
    for key in ["use_dora", "use_qalora", "lora_bias", "alora_invocation_tokens"] {
      guard let value = json[key], !value.isNull, value != .bool(false) else { continue }
      throw failure(key, "is \(value.line.prefix(40)), which is not built")
    }
    for key in [
      "modules_to_save", "rank_pattern", "alpha_pattern", "target_parameters",
      "trainable_token_indices", "layer_replication",
    ] {
      guard let value = json[key], !value.isNull, value != [], value != [:] else { continue }
      throw failure(key, "is \(value.line.prefix(80)), which is not built")
    }
    let bias = json["bias"]?.string ?? "none"
    guard bias == "none" else { throw failure("bias", "is \(bias), and only none is built") }
    let alpha = json["lora_alpha"]?.double ?? 8
    guard alpha.isFinite else { throw failure("lora_alpha", "is no number") }
    self.rank = rank
    let isStabilized = json["use_rslora"]?.bool == true
    scale = Float(alpha / (isStabilized ? Double(rank).squareRoot() : Double(rank)))
    guard let name = json["base_model_name_or_path"]?.string, !name.isEmpty else {
      throw failure("base_model_name_or_path", "does not say for which model the adapter is")
    }
    guard let base = Self.place(of: name, beside: folder) else {
      throw UserError(
        "\(folder.path) is an adapter for \(name), and there is no such folder. Bring the model there, or write its folder into "
          + "\(Self.fileName) as base_model_name_or_path.")
    }
    self.base = base
  }

  /// A folder, from the root, from the adapter's own folder or from here; or a model of the Hub that its cache has.
  private static func place(of name: String, beside folder: URL) -> URL? {
    let cache =
      ProcessInfo.processInfo.environment["HF_HUB_CACHE"].map { URL(fileURLWithPath: $0) }
      ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache/huggingface/hub")
    let snapshots = cache.appending(
      path: "models--\(name.replacing("/", with: "--"))/snapshots")
    let revisions =
      (try? FileManager.default.contentsOfDirectory(atPath: snapshots.path))?.sorted() ?? []
    let places =
      [URL(fileURLWithPath: "\(folder.path)/\(name)"), URL(fileURLWithPath: name)]
      + revisions.map { snapshots.appending(path: $0) }
    return places.first {
      FileManager.default.fileExists(atPath: $0.appending(path: "config.json").path)
    }?.standardizedFileURL
  }
}
