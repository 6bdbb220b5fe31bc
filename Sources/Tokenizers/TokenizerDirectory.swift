// The tokenizer of a model's folder.
import Base
import Foundation
import Storage

/// `tokenizer.json` with what the files beside it say: which tokens end a text, how a conversation is
/// written.
package struct TokenizerDirectory: Sendable {
  package let url: URL
  /// What a GGUF file stands for, by the names of a folder's files; nil for a folder.
  private let held: [String: String]?
  package let tokenizer: Tokenizer
  /// The token that ends a text, and separates texts where a model is trained on many.
  package let endOfText: Int32?
  /// The tokens at which an answer ends: what `generation_config.json` and `config.json` say, and the
  /// end of a text.
  package let ends: Set<Int32>
  /// The texts of special tokens by role, such as `bos_token`.
  package let specialTokens: [String: String]

  /// Files that make up a tokenizer, as `transformers` lays them out.
  private static let fileNames = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "chat_template.jinja",
    "chat_template.json",
  ]

  /// The files of a folder, or what a GGUF file says. `base` is the model that an adapter is for, where it is not where the adapter says.
  package init(_ url: URL, base given: URL? = nil) throws {
    // An adapter most often has the tokenizer of the model that it is for.
    let base = GGUF.isOne(url) ? nil : try AdapterConfiguration(in: url, for: given)?.base
    let own = url.appending(path: "tokenizer.json")
    let url = FileManager.default.fileExists(atPath: own.path) ? url : base ?? url
    if GGUF.isOne(url) {
      let files = try GGUFTokenizer(GGUF(contentsOf: url)).files()
      do {
        tokenizer = try Tokenizer(JSON(parsing: Data((files["tokenizer.json"] ?? "").utf8)))
      } catch {
        throw TokenizerError("\(url.path): \(error)")
      }
      (self.url, held) = (url, files)
      (specialTokens, endOfText, ends) = try Self.roles(tokenizer, url) { name in
        try files[name].map { try JSON(parsing: Data($0.utf8)) }
      }
      return
    }
    held = nil
    self.url = url
    let file = url.appending(path: "tokenizer.json")
    guard FileManager.default.fileExists(atPath: file.path) else {
      let others = Self.fileNames.dropFirst().filter {
        FileManager.default.fileExists(atPath: url.appending(path: $0).path)
      }
      guard
        !others.isEmpty
          || FileManager.default.fileExists(atPath: url.appending(path: "config.json").path)
      else { throw UserError.noModel(in: url, lacking: file.lastPathComponent) }
      throw TokenizerError(
        "\(url.path) has no tokenizer.json."
          + (others.isEmpty
            ? ""
            : " It has \(others.joined(separator: ", ")), an older form: save the tokenizer again "
              + "with transformers' AutoTokenizer, which writes tokenizer.json."))
    }
    tokenizer = try Tokenizer(contentsOf: file)
    (specialTokens, endOfText, ends) = try Self.roles(tokenizer, url) { name in
      let places = [url, base].compactMap { $0?.appending(path: name) }
      let file = places.first { FileManager.default.fileExists(atPath: $0.path) }
      return try file.map { try JSON(contentsOf: $0) }
    }
  }

  /// Special tokens by role, the token that ends a text, and all at which an answer ends. `object` reads a file of the folder.
  private static func roles(
    _ tokenizer: Tokenizer, _ url: URL, _ object: (String) throws -> JSON?
  ) throws -> (special: [String: String], end: Int32?, ends: Set<Int32>) {
    var special: [String: String] = [:]
    for name in ["special_tokens_map.json", "tokenizer_config.json"] {
      for member in try object(name)?.object?.members ?? [] where member.key.hasSuffix("_token") {
        // A token is its text, or an object that holds it.
        special[member.key] = member.value.string ?? member.value["content"]?.string
      }
    }
    var ends: Set<Int32> = []
    var first: Int32?
    for name in ["config.json", "generation_config.json"] {
      guard let value = try object(name)?["eos_token_id"] else { continue }
      // Some write -1 or null where there is none.
      for end in value.array ?? [value] where !end.isNull && end.int != -1 {
        guard let id = end.int.flatMap({ Int32(exactly: $0) }), id >= 0 else {
          throw TokenizerError(
            "\(url.appending(path: name).path): eos_token_id is \(end.line.prefix(40)), which is no id."
          )
        }
        ends.insert(id)
        first = first ?? id
      }
    }
    let end = special["eos_token"].flatMap(tokenizer.id(of:)) ?? first
    if let end { ends.insert(end) }
    return (special, end, ends)
  }

  /// The text of a file of the folder; nil where there is none.
  private func text(_ name: String) -> String? {
    held.map { $0[name] } ?? (try? String(contentsOf: url.appending(path: name), encoding: .utf8))
  }

  /// The chat template; of several by name the one for tools where the conversation has some. An error says why there
  /// is none.
  package func chatTemplate(forTools: Bool = false) throws -> ChatTemplate {
    guard let source = chatTemplateSource(forTools: forTools) else {
      throw TokenizerError(
        "\(url.path) has no chat template, so it is not known how the model wants messages. Give a "
          + "formatted text instead.")
    }
    return try ChatTemplate(source, tokens: specialTokens)
  }

  /// The text of that template, whether or not it can be read; nil where there is none.
  package func chatTemplateSource(forTools: Bool = false) -> String? {
    if forTools, let source = text("additional_chat_templates/tool_use.jinja") { return source }
    if let source = text("chat_template.jinja") { return source }
    for name in ["chat_template.json", "tokenizer_config.json"] {
      guard let json = text(name).flatMap({ try? JSON(parsing: Data($0.utf8)) }) else { continue }
      let template = json["chat_template"]
      // One template, or several by name.
      let source =
        template?.string
        ?? (forTools ? ["tool_use", "default"] : ["default"]).lazy.compactMap { wanted in
          template?.array?.first { $0["name"]?.string == wanted }?["template"]?.string
        }.first
      if let source { return source }
    }
    return nil
  }

  /// The same, with what says at which tokens an answer ends.
  package var allFiles: [(name: String, text: String)] {
    files + ["generation_config.json"].compactMap { name in text(name).map { (name, $0) } }
  }

  /// The folder's files that make up the tokenizer, for a model that shares it.
  package var files: [(name: String, text: String)] {
    Self.fileNames.compactMap { name in text(name).map { (name, $0) } }
  }
}
