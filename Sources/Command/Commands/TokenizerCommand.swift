// `retort tokenizer`
import ArgumentParser
import Base
import Foundation
import Storage
import Tokenizers

struct TokenizerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer", abstract: "Learn a tokenizer, or see what one does.",
    subcommands: [Train.self, Encode.self, Decode.self])

  struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Learn a byte-level BPE from text, for models from scratch.",
      discussion: """
        A recipe takes it as data.tokenizer; the `tokenizers` library and `transformers` load the \
        folder as well.
        """)

    @OptionGroup var data: DataOptions

    @Option(help: "The most tokens: one for each byte, one that ends a text, and merges.")
    var size = 8192

    @Option(help: "The folder to write.")
    var output: String

    @Flag(help: "Replace a tokenizer that is in the folder.")
    var overwrite = false

    func validate() throws { try requireCount(size, "size", to: 1 << 24) }

    func run() throws {
      let folder = URL(fileURLWithPath: output)
      let names = ByteLevelFile.files(ByteLevelFile.bytes, contextLength: nil).map(\.name)
      if let old = names.first(where: {
        FileManager.default.fileExists(atPath: folder.appending(path: $0).path)
      }), !overwrite {
        throw UserError("\(output) holds a tokenizer already (\(old)). --overwrite replaces it.")
      }
      var trainer = try BPETrainer()
      var byteCount = 0
      for text in try data.entries().flatMap({ try $0.words() }) {
        byteCount += text.utf8.count
        try trainer.add(text)
      }
      let tokenizer = try trainer.train(vocabularySize: size)
      do {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      } catch { throw UserError("Cannot make the folder \(output).") }
      for file in ByteLevelFile.files(tokenizer, contextLength: nil) {
        try WholeFile.write(file.text, to: folder.appending(path: file.name))
      }
      let count = try Tokenizer(tokenizer).vocabularySize
      try tell("\(output): \(counted(count, "token")) from \(counted(byteCount, "byte"))")
    }
  }

  struct Encode: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the ids of a text.")

    @Option(help: "The folder of a model or a tokenizer.")
    var model: String

    @Option(help: "The text.")
    var text: String

    func run() throws {
      let tokenizer = try TokenizerDirectory(URL(fileURLWithPath: model)).tokenizer
      let ids = try tokenizer.encode(text)
      try tell(ids.map(String.init).joined(separator: ","))
      note(ids.map { (tokenizer.token($0) ?? "?").json }.joined(separator: " "))
    }
  }

  struct Decode: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the text of ids.")

    @Option(help: "The folder of a model or a tokenizer.")
    var model: String

    @Option(help: "Ids with commas between them.")
    var tokens: String

    func run() throws {
      let tokenizer = try TokenizerDirectory(URL(fileURLWithPath: model)).tokenizer
      let ids = try tokenIds(tokens)
      try tellAsIs(tokenizer.decode(ids, skipsSpecialTokens: false) + "\n")
    }
  }
}

/// The ids of a list with commas.
func tokenIds(_ list: String) throws -> [Int32] {
  let parts = list.split(separator: ",", omittingEmptySubsequences: false)
  let ids = parts.compactMap { Int32($0.trimmingCharacters(in: .whitespaces)) }
  guard ids.count == parts.count, !ids.isEmpty else {
    throw ValidationError("--tokens takes whole numbers with commas between them.")
  }
  return ids
}
