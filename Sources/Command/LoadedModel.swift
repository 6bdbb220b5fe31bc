// A finished language model, for the commands that use one.
import Foundation
import Models
import Storage
import Tensors
import Tokenizers

/// A language model with its tokenizer and its weights on a device.
struct LoadedModel {
  let directory: ModelDirectory
  let model: any LanguageModel
  let text: TokenizerDirectory
  /// What tells the folder from others.
  let fingerprint: String

  /// Loads a folder; `name` is what its variables are called in the store.
  init(_ path: String, into store: VariableStore, as name: String = "model") throws {
    directory = ModelDirectory(URL(fileURLWithPath: path))
    model = try directory.languageModel()
    text = try TokenizerDirectory(directory.url)
    try text.requireSpecialTokens(below: model.vocabularySize)
    fingerprint = try directory.loadFrozen(model, into: store, prefix: name) ?? ""
  }
}
