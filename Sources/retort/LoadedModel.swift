// A finished language model, for the commands that use one.
import Foundation
import Models
import Storage
import Tensors
import Tokenizers

/// A language model with its tokenizer and its weights on a device.
struct LoadedModel {
  let model: any LanguageModel
  let text: TokenizerDirectory

  /// Loads a folder; `name` is what its variables are called in the store.
  init(_ path: String, into store: VariableStore, as name: String = "model") throws {
    let directory = ModelDirectory(URL(fileURLWithPath: path))
    model = try directory.languageModel()
    text = try TokenizerDirectory(directory.url)
    guard text.tokenizer.vocabularySize <= model.vocabularySize else {
      throw StorageError(
        "\(path): the tokenizer has \(text.tokenizer.vocabularySize) tokens, the model only "
          + "\(model.vocabularySize).")
    }
    try directory.load(model, into: store, prefix: name)
  }
}
