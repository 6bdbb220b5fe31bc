// Which family reads which folder.
import Storage

/// Models of one kind: what their `config.json` calls them, and how they are made of it. Each family has its entry in its
/// own file.
struct ModelFamily: Sendable {
  /// The values of `model_type`.
  let types: [String]
  /// Makes the model, without its numbers, of a folder and its configuration.
  let model:
    @Sendable (_ folder: ModelDirectory, _ file: ConfigurationFile) throws -> any PretrainedModel

  static let all: [ModelFamily] = [.llama, .gemma, .gpt2, .bert, .distilBERT]
}

extension ModelDirectory {
  /// A language model whose head is the table of tokens where `isTied`; with a head of its own where the folder has one
  /// that differs.
  func model(isTied: Bool, _ make: (_ isTied: Bool) -> some LanguageModel) throws
    -> any PretrainedModel
  {
    let model = make(isTied)
    return try isTied && storesOwnHead(model) ? make(false) : model
  }
}
