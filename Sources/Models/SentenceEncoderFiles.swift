// What `sentence-transformers` writes beside an encoder.
import Base
import Foundation
import Storage

/// The library's files of every age: `modules.json`, the pooling's configuration, lengths, prompts.
struct SentenceEncoderFiles {
  private let directory: ModelDirectory

  init(_ directory: ModelDirectory) { self.directory = directory }

  private func json(_ path: String) throws -> JSON? {
    let file = directory.url.appending(path: path)
    return FileManager.default.fileExists(atPath: file.path) ? try JSON(contentsOf: file) : nil
  }

  private func failure(_ file: String, _ what: String) -> UserError {
    UserError("\(directory.url.path)/\(file) \(what).")
  }

  /// Settings; without `modules.json` the mean over tokens, of length 1. What is not built is an error that names
  /// it.
  func settings() throws -> SentenceEncoder.Settings {
    var settings = SentenceEncoder.Settings()
    try readLength(&settings)
    try readPrompts(&settings)
    guard let modules = try json("modules.json")?.array else { return settings }
    settings.normalizes = false
    var pools = false
    for module in modules {
      let type = module["type"]?.string ?? ""
      switch type.split(separator: ".").last.map(String.init) {
      case "Transformer", "Dropout": break
      case "Normalize": settings.normalizes = true
      case "Pooling":
        guard !settings.normalizes else {
          throw failure("modules.json", "normalises before it pools, which is not built")
        }
        pools = true
        settings.pooling = try pooling(module["path"]?.string ?? "1_Pooling", settings)
      case let name:
        throw failure(
          "modules.json",
          "names the module \((name ?? "without a type").prefix(60)), which is not built")
      }
    }
    guard pools else {
      throw failure("modules.json", "names no pooling, so there is no vector of a sentence")
    }
    return settings
  }

  /// The names of poolings since version 5.4, and the flags of older ones.
  private static let poolings: [String: SentenceEncoder.Pooling] = [
    "mean": .mean, "mean_tokens": .mean, "cls": .first, "cls_token": .first,
    "mean_sqrt_len_tokens": .meanOverRoot, "weightedmean": .weightedMean,
    "weightedmean_tokens": .weightedMean, "lasttoken": .last,
  ]

  private func pooling(_ folder: String, _ settings: SentenceEncoder.Settings) throws
    -> SentenceEncoder.Pooling
  {
    let path = "\(folder)/config.json"
    guard !folder.hasPrefix("/"), !folder.split(separator: "/").contains("..") else {
      throw failure("modules.json", "names a folder that is not in its own")
    }
    guard let file = try json(path) else {
      throw failure(
        path,
        "is missing, and modules.json names it: how tokens are pooled is not known. Fetch the whole folder"
      )
    }
    if file["include_prompt"]?.bool == false, !settings.prompt.isEmpty {
      throw failure(
        path, "leaves the prompt out of the pooling (include_prompt), which is not built")
    }
    var names: [String]
    if let word = file["pooling_mode"]?.string {
      names = [word]
    } else if let words = file["pooling_mode"]?.array {
      names = words.compactMap(\.string)
    } else {
      names = (file.object?.members ?? []).filter {
        $0.key.hasPrefix("pooling_mode_") && $0.value.bool == true
      }.map { String($0.key.dropFirst("pooling_mode_".count)) }
    }
    if names.isEmpty { names = ["mean"] }
    guard names.count == 1, let pooling = Self.poolings[names[0]] else {
      throw failure(
        path, "pools with \(names.joined(separator: " and ").prefix(80)), which is not built")
    }
    return pooling
  }

  /// `max_seq_length` of the library's file, whose name follows that of the model's class, else the tokenizer's.
  private func readLength(_ settings: inout SentenceEncoder.Settings) throws {
    let kinds = ["bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"]
    for path in kinds.map({ "sentence_\($0)_config.json" }) {
      guard let file = try json(path) else { continue }
      settings.lowercases = file["do_lower_case"]?.bool == true
      if let length = file["max_seq_length"], !length.isNull {
        guard let count = length.int, count > 0 else {
          throw failure(path, "has a max_seq_length that is no number of tokens")
        }
        settings.maximumLength = count
        return
      }
    }
    // Where no limit is known, the tokenizer names one that is larger than any number of tokens.
    if let length = try json("tokenizer_config.json")?["model_max_length"]?.double, length > 0,
      length < 1e9
    {
      settings.maximumLength = Int(length)
    }
  }

  private func readPrompts(_ settings: inout SentenceEncoder.Settings) throws {
    let path = "config_sentence_transformers.json"
    guard let file = try json(path) else { return }
    if let name = file["default_prompt_name"]?.string {
      guard let prompt = file["prompts"]?[name]?.string else {
        throw failure(path, "has no prompt of the name \(name.prefix(60)), its default_prompt_name")
      }
      settings.prompt = prompt
    }
    if let width = file["truncate_dim"], !width.isNull {
      guard let count = width.int, count > 0 else {
        throw failure(path, "has a truncate_dim that is no number of dimensions")
      }
      settings.keptWidth = count
    }
  }
}
