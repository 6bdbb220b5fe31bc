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
  init(_ directory: ModelDirectory, into store: VariableStore, as name: String = "model") throws {
    self.directory = directory
    model = try directory.languageModel()
    text = try TokenizerDirectory(directory.url, base: directory.givenBase)
    try text.requireSpecialTokens(below: model.vocabularySize)
    fingerprint = try directory.loadFrozen(model, into: store, prefix: name) ?? ""
    let matrices = store.quantizedMatrices(prefix: name)
    if directory.storage != .file || matrices != nil {
      note(
        matrices.map { "Of the \(name) \($0)." }
          ?? "No matrix of the \(name) can lie in \(directory.storage.rawValue): its rows are no whole blocks."
      )
    }
  }
}
